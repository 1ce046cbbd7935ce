#pragma once

#include <cstdint>
#include <string_view>

namespace n4b::base {

/// 64-bit FNV-1a: names things by what they say, the same in every process. Not for anything an attacker may choose.
constexpr std::uint64_t fnv1a(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

}  // namespace n4b::base
