#include "backup-runner/s3/retry.hpp"

#include <algorithm>

#include "common/base/backoff.hpp"

namespace n4b::s3 {
namespace {

using std::chrono::milliseconds;

/// Anything between nothing and the doubling wait, so that runners that failed together don't come back together.
milliseconds jittered(int failures, double random) {
    const base::Backoff backoff{.base = kFirstWait, .cap = kLongestWait};
    const auto longest = backoff.wait(static_cast<std::uint32_t>(failures), 0);
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(longest.count()) * random));
}

}  // namespace

std::optional<milliseconds> wait_before_retry(FailureKind kind, const Tries& tries,
                                              std::optional<milliseconds> retry_after, double random) {
    if (tries.failures >= tries.max) return std::nullopt;
    const auto wait = jittered(tries.failures, random);
    switch (kind) {
        case FailureKind::kThrottled:
        case FailureKind::kTransient:
            return std::max(wait, std::min(retry_after.value_or(milliseconds(0)), kLongestRetryAfter));
        case FailureKind::kDamaged:
            return tries.failures < kMaxDamaged ? std::optional(wait) : std::nullopt;
        case FailureKind::kCredentials:
            return tries.credentials_changed && !tries.credentials_again ? std::optional(milliseconds(0))
                                                                         : std::nullopt;
        case FailureKind::kClock:
            return tries.clock_known && !tries.clock_used ? std::optional(milliseconds(0)) : std::nullopt;
        case FailureKind::kPermanent:
        case FailureKind::kTaken:
        case FailureKind::kNotFound:
        case FailureKind::kHeld:
        case FailureKind::kBeyondEnd:
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace n4b::s3
