#include "backup-runner/archive/names.hpp"

#include <fmt/format.h>

#include <vector>

#include "common/base/rfc3339.hpp"

namespace n4b::archive {
namespace {

using base::Result;

constexpr std::size_t kMaxComponents = 16;
// The longest name that file systems take. Users choose the names of explicit indexes, so they may be that long.
constexpr std::size_t kMaxComponentBytes = 255;
constexpr std::size_t kChainTimeChars = 16;
constexpr std::size_t kChainRandomChars = 6;

tl::unexpected<base::Error> bad_name(std::string_view name, std::string_view why) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError,
                      fmt::format("the source sent a file named {}: {}", quoted_name(name), why));
}

/// The bytes that the first one of a character announces behind it, and the least value they may make; -1: none.
struct Utf8Lead {
    int more;
    std::uint32_t least;
};
Utf8Lead utf8_lead(unsigned char c) {
    if (c < 0x80) return {.more = 0, .least = 0};
    if (c >= 0xC0 && c < 0xE0) return {.more = 1, .least = 0x80};
    if (c >= 0xE0 && c < 0xF0) return {.more = 2, .least = 0x800};
    if (c >= 0xF0 && c < 0xF8) return {.more = 3, .least = 0x10000};
    return {.more = -1, .least = 0};
}

/// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i++]);
        const auto lead = utf8_lead(first);
        if (lead.more < 0) return false;
        std::uint32_t value = first & (0x7FU >> (lead.more == 0 ? 0 : lead.more + 1));
        for (int k = 0; k < lead.more; ++k, ++i) {
            if (i >= text.size() || (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) return false;
            value = value << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
        }
        if (value < lead.least || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return false;
    }
    return true;
}

/// The checked components of a server's file name.
Result<std::vector<std::string>> components_of(std::string_view name) {
    if (name.empty()) return bad_name(name, "empty");
    if (!is_utf8(name)) return bad_name(name, "not UTF-8");
    std::vector<std::string> components{""};
    for (const char c : name) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return bad_name(name, "a control character");
        if (c == '/' || c == '\\') {
            components.emplace_back();
        } else {
            components.back().push_back(c);
        }
    }
    if (components.size() > kMaxComponents) return bad_name(name, "too many directories");
    for (const auto& component : components) {
        if (component.empty()) return bad_name(name, "absolute, or with an empty component");
        if (component.size() > kMaxComponentBytes) return bad_name(name, "a part of it is longer than 255 bytes");
        if (component == "." || component == "..") return bad_name(name, "it leaves the database directory");
    }
    return components;
}

std::string join(const std::vector<std::string>& components) {
    return fmt::format("{}", fmt::join(components, "/"));
}

}  // namespace

std::string chain_name(base::SystemTime start, std::uint32_t random) {
    std::string compact;
    for (const char c : base::format_rfc3339(start)) {
        if (c != '-' && c != ':') compact.push_back(c);
    }
    return fmt::format("{}-{:06x}", compact, random & 0xFFFFFFU);
}

bool is_chain_name(std::string_view name) {
    if (name.size() != kChainTimeChars + 1 + kChainRandomChars) return false;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const bool good = i == 8    ? c == 'T'
                          : i == 15 ? c == 'Z'
                          : i == 16 ? c == '-'
                          : i > 16  ? digit(c) || (c >= 'a' && c <= 'f')
                                    : digit(c);
        if (!good) return false;
    }
    return true;
}

std::string quoted_name(std::string_view name) {
    constexpr std::size_t kMost = 80;
    std::string shown;
    for (const char c : name.substr(0, kMost)) shown.push_back(c >= 0x20 && c <= 0x7E ? c : '?');
    return fmt::format("\"{}{}\"", shown, name.size() > kMost ? "..." : "");
}

Result<std::string> file_path(std::string_view name) {
    N4B_TRY(const auto components, components_of(name));
    return join(components);
}

}  // namespace n4b::archive
