#include "common/base/hex.hpp"

#include <fmt/format.h>

#include <charconv>
#include <random>

namespace n4b::base {

std::string to_hex(std::span<const std::byte> bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::byte b : bytes) {
        text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4U]);
        text.push_back(kDigits[std::to_integer<unsigned>(b) & 0xFU]);
    }
    return text;
}

std::string from_hex(std::string_view digits) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        unsigned value = 0;
        std::from_chars(digits.data() + at, digits.data() + at + 2, value, 16);
        bytes.push_back(static_cast<char>(value));
    }
    return bytes;
}

std::string random_digits(const std::function<std::uint32_t()>& random) {
    const auto first = random();
    return fmt::format("{:08x}{:08x}", first, random());
}

std::string random_digits() {
    std::random_device device;
    return random_digits([&device] { return device(); });
}

}  // namespace n4b::base
