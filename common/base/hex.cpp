#include "common/base/hex.hpp"

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

}  // namespace n4b::base
