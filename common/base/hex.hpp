#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace n4b::base {

/// Lower-case hexadecimal digits, two a byte.
std::string to_hex(std::span<const std::byte> bytes);

}  // namespace n4b::base
