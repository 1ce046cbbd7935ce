#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace n4b::base {

/// Lower-case hexadecimal digits, two a byte.
std::string to_hex(std::span<const std::byte> bytes);

/// The bytes that such digits stand for. Only for text that has been checked to be that.
std::string from_hex(std::string_view digits);

/// 16 hexadecimal digits, for names that nobody else has: from `random`, or from the system's own random numbers.
std::string random_digits(const std::function<std::uint32_t()>& random);
std::string random_digits();

}  // namespace n4b::base
