#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::base {

/// Whole bytes of a Kubernetes quantity: "1048576", "100Mi", "1.5G", "800k"; fractions of a byte are cut off. Pure.
/// Invalid: not a number, another suffix than m, k, M, G, T, Ki, Mi, Gi or Ti, or beyond 2^62.
Result<std::int64_t> parse_quantity(std::string_view text);

/// For a person to read: "0 B", "1.0 KiB", "1.1 GiB"; in the unit in which it has fewest digits, and never 1024.0 of
/// one.
std::string bytes_for_people(std::int64_t bytes);

}  // namespace n4b::base
