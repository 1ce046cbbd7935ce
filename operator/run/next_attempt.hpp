#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/reason.hpp"
#include "operator/run/run_owner.hpp"

namespace n4b::run {

struct StartAttempt {
    std::int64_t number = 1;
    bool look_up = false;  ///< Only look for an artifact that an earlier attempt finished.
};

/// What follows when the last attempt has ended.
struct Next {
    std::optional<StartAttempt> start{};
    base::SystemTime due{};
    base::Reason reason = base::Reason::kRetrying;  ///< Of the failure, when nothing follows.
    std::string message{};
};

/// Another attempt while the retries and the deadline last; then, when an attempt ended without a report and none after
/// it has looked into the storage, a look-up, deadline or not, and again where it could not look; then nothing. There
/// must be an attempt.
Next next_after(const RunOwner& owner, const RunStatus& status, base::SystemTime now);

/// Keeps the last attempts, and of older ones the one that a look-up has to answer for.
void forget_oldest(std::vector<Attempt>& attempts);

}  // namespace n4b::run
