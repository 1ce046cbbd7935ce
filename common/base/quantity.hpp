#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::base {

/// Whole bytes of a Kubernetes quantity: "1048576", "100Mi", "1.5G", "800k"; fractions of a byte are cut off. Pure.
/// Invalid: not a number, another suffix than m, k, M, G, T, Ki, Mi, Gi or Ti, or beyond 2^62.
Result<std::int64_t> parse_quantity(std::string_view text);

}  // namespace n4b::base
