#pragma once

#include <chrono>
#include <cstdint>

namespace n4b::base {

/// Exponential waiting times. Pure: the random part is a parameter.
struct Backoff {
    std::chrono::milliseconds base;  ///< The wait after the first failure.
    std::chrono::milliseconds cap;   ///< No wait is longer, jitter apart.
    double jitter = 0.0;             ///< Up to this share is added.

    /// The wait after `failures` failures in a row (>= 1). `random` is uniform in [0, 1).
    [[nodiscard]] std::chrono::milliseconds wait(std::uint32_t failures, double random) const;
};

}  // namespace n4b::base
