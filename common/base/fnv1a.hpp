#pragma once

#include <cstdint>
#include <string_view>

namespace n4b::base {

inline constexpr std::uint64_t kFnv1aStart = 0xcbf29ce484222325U;

/// 64-bit FNV-1a: names things by what they say, the same in every process. Not for anything an attacker may choose.
/// `hash` is that of what came before, for a text in parts.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = kFnv1aStart) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

}  // namespace n4b::base
