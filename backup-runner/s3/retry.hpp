#pragma once

#include <chrono>
#include <optional>

#include "backup-runner/s3/failure.hpp"

namespace n4b::s3 {

/// Requests that are sent at most for one call, when each fails in a way that is worth repeating (botocore: 5).
inline constexpr int kMaxTries = 6;
/// The longest wait after the first failure; it doubles with each.
inline constexpr std::chrono::milliseconds kFirstWait{500};
/// The longest wait of our own making.
inline constexpr std::chrono::milliseconds kLongestWait{20'000};
/// The longest Retry-After that is honoured: a storage that asks for more is as good as not there.
inline constexpr std::chrono::milliseconds kLongestRetryAfter{60'000};
/// Times that a body which arrived damaged is sent.
inline constexpr int kMaxDamaged = 3;

/// What has happened to one call so far.
struct Tries {
    int failures = 0;                  ///< The last one included.
    bool credentials_changed = false;  ///< Others than the last request's can be had.
    bool credentials_again = false;    ///< The call was repeated with others already.
    bool clock_known = false;          ///< The last reply told the storage's time.
    bool clock_used = false;           ///< The last request was signed with it.
    int max = kMaxTries;
};

/// How long to wait before the request is repeated; nothing: give up. `random` is uniform in [0, 1). Pure.
std::optional<std::chrono::milliseconds> wait_before_retry(FailureKind kind, const Tries& tries,
                                                           std::optional<std::chrono::milliseconds> retry_after,
                                                           double random);

}  // namespace n4b::s3
