#include "backup-runner/archive/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <vector>

#include "backup-runner/archive/digest.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::archive {
namespace {

using base::Result;

constexpr std::size_t kMaxComponents = 16;
// The longest name that file systems take. Users choose the names of explicit indexes, so they may be that long.
constexpr std::size_t kMaxComponentBytes = 255;
/// The same, less the suffix of compressed files.
constexpr std::size_t kMaxKeyBytes = kMaxComponentBytes - kZstdSuffix.size();
constexpr std::size_t kMaxUidBytes = 64;
constexpr std::size_t kChainTimeChars = 16;
constexpr std::size_t kChainRandomChars = 6;

bool is_plain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
}

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

std::string escape(std::string_view component) {
    std::string out;
    for (std::size_t i = 0; i < component.size(); ++i) {
        const char c = component[i];
        if (is_plain(c) && (i > 0 || c != '.')) {
            out.push_back(c);
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
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

std::string to_string(const ArtifactName& name) {
    return fmt::format("{}-{}-{}-{}", name.sequence, name.kind, name.run_uid, name.attempt);
}

std::optional<ArtifactName> parse_artifact_name(std::string_view text) {
    const auto first = text.find('-');
    const auto second = first == std::string_view::npos ? first : text.find('-', first + 1);
    const auto last = text.rfind('-');
    if (second == std::string_view::npos || last <= second) return std::nullopt;
    ArtifactName name{.kind = std::string(text.substr(first + 1, second - first - 1)),
                      .run_uid = std::string(text.substr(second + 1, last - second - 1))};
    const auto number = [](std::string_view digits, std::int64_t& value) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc() && end == digits.data() + digits.size() && value >= 0;
    };
    if (!number(text.substr(0, first), name.sequence) || !number(text.substr(last + 1), name.attempt)) {
        return std::nullopt;
    }
    const auto of_a_uid = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    const bool uid = !name.run_uid.empty() && name.run_uid.size() <= kMaxUidBytes &&
                     std::all_of(name.run_uid.begin(), name.run_uid.end(), of_a_uid);
    if (name.kind != "full" || !uid) return std::nullopt;
    // Only the one form that to_string gives: "00-full-x-1" is not a second name of the same artifact.
    return to_string(name) == text ? std::optional(name) : std::nullopt;
}

std::string closed_key(std::string_view source, std::string_view database, std::string_view chain) {
    return fmt::format("{}/{}/{}/closed.json", source, database, chain);
}

ArtifactKeys artifact_keys(std::string_view source, std::string_view database, std::string_view chain,
                           const ArtifactName& name) {
    ArtifactKeys keys{.chain = fmt::format("{}/{}/{}", source, database, chain),
                      .closed = {},
                      .heads = {},
                      .head = {},
                      .data = {},
                      .files = {}};
    keys.closed = closed_key(source, database, chain);
    keys.heads = keys.chain + "/heads";
    keys.head = fmt::format("{}/{}{}", keys.heads, to_string(name), kHeadSuffix);
    keys.data = fmt::format("{}/data/{}", keys.chain, to_string(name));
    keys.files = keys.data + "/files";
    return keys;
}

std::string quoted_name(std::string_view name) {
    constexpr std::size_t kMost = 80;
    std::string shown;
    for (const char c : name.substr(0, kMost)) shown.push_back(c >= 0x20 && c <= 0x7E ? c : '?');
    return fmt::format("\"{}{}\"", shown, name.size() > kMost ? "..." : "");
}

Result<std::string> file_key(std::string_view name) {
    N4B_TRY(auto components, components_of(name));
    for (auto& component : components) {
        auto escaped = escape(component);
        // Escaping makes three bytes of each byte that is not ASCII. The key of a long name begins with "%sha256",
        // which escaping never produces, so no other name gets the same key.
        if (escaped.size() > kMaxKeyBytes) {
            escaped = "%" + sha256(std::as_bytes(std::span(component)));
            std::replace(escaped.begin(), escaped.end(), ':', '-');
        }
        component = std::move(escaped);
    }
    return join(components);
}

Result<std::string> file_path(std::string_view name) {
    N4B_TRY(const auto components, components_of(name));
    return join(components);
}

}  // namespace n4b::archive
