#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace n4b::txlog {

/// Reads sizeof(T) bytes at the start of `bytes`, which must hold that many.
template <std::integral T>
T load_big_endian(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8U | std::to_integer<std::uint64_t>(bytes[i]);
    return static_cast<T>(value);
}

/// Writes sizeof(T) bytes at the start of `bytes`, which must have room for them.
template <std::integral T>
void store_big_endian(std::span<std::byte> bytes, T value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = sizeof(T); i-- > 0; rest >>= 8U) bytes[i] = static_cast<std::byte>(rest & 0xFFU);
}

}  // namespace n4b::txlog
