#include "backup-runner/s3/percent.hpp"

#include <fmt/format.h>

#include <optional>

namespace n4b::s3 {
namespace {

constexpr std::size_t kMaxPrinted = 200;

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

std::optional<int> digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

}  // namespace

std::string percent_encode(std::string_view text, Slash slash) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c) || (c == '/' && slash == Slash::kKeep)) {
            encoded += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
    }
    return encoded;
}

base::Result<std::string> decode_listed(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const auto high = i + 2 < text.size() ? digit(text[i + 1]) : std::nullopt;
        const auto low = i + 2 < text.size() ? digit(text[i + 2]) : std::nullopt;
        if (!high || !low) {
            return base::fail(base::ErrorCode::kInvalid,
                              fmt::format("\"{}\": found '%' at byte {} without two hexadecimal digits after it",
                                          printable(text), i));
        }
        decoded += static_cast<char>(*high * 16 + *low);
        i += 2;
    }
    return decoded;
}

std::string printable(std::string_view text) {
    std::string shown(text.substr(0, kMaxPrinted));
    for (auto& c : shown) {
        if (c < ' ' || c > '~') c = '?';
    }
    if (text.size() > kMaxPrinted) shown += "...";
    return shown;
}

}  // namespace n4b::s3
