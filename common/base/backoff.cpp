#include "common/base/backoff.hpp"

#include <algorithm>

namespace n4b::base {

std::chrono::milliseconds Backoff::wait(std::uint32_t failures, double random) const {
    auto span = std::min(base, cap);
    // Doubling stops at the cap, so that no shift can overflow.
    for (std::uint32_t i = 1; i < failures && span < cap; ++i) {
        span = std::min(span * 2, cap);
    }
    return span +
           std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(span.count()) * jitter * random));
}

}  // namespace n4b::base
