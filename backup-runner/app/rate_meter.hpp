#pragma once

#include <chrono>
#include <cstdint>

#include "common/base/clock.hpp"

namespace n4b::runner {

/// Bytes per second between two looks at a counter that lie at least kWindow apart; until then the last known rate.
/// Pure; one thread.
class RateMeter {
public:
    static constexpr std::chrono::seconds kWindow{2};

    explicit RateMeter(base::SteadyTime now) : since_(now) {}

    std::int64_t look(std::int64_t bytes, base::SteadyTime now) {
        if (now - since_ < kWindow) return rate_;
        const auto seconds = std::chrono::duration<double>(now - since_).count();
        // A copy that begins anew from another server begins to count anew.
        rate_ = bytes < bytes_ ? 0 : static_cast<std::int64_t>(static_cast<double>(bytes - bytes_) / seconds);
        since_ = now;
        bytes_ = bytes;
        return rate_;
    }

private:
    base::SteadyTime since_;
    std::int64_t bytes_ = 0;
    std::int64_t rate_ = 0;
};

}  // namespace n4b::runner
