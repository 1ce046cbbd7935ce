#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace n4b::base {

/// Lower-case hexadecimal digits, two a byte.
std::string to_hex(std::span<const std::byte> bytes);

/// The bytes that such digits stand for. Only for text that has been checked to be that.
std::string from_hex(std::string_view digits);

}  // namespace n4b::base
