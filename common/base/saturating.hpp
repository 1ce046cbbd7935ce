#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace n4b::base {

/// The sum of two numbers that are not negative, or the largest there is: of sizes that others tell, which may be
/// anything.
constexpr std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
    return a + std::min(b, std::numeric_limits<std::int64_t>::max() - a);
}

}  // namespace n4b::base
