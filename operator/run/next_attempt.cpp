#include "operator/run/next_attempt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/backoff.hpp"
#include "common/base/fnv1a.hpp"
#include "common/contract/exit_code.hpp"

namespace n4b::run {
namespace {

using base::Reason;

constexpr std::size_t kMaxAttempts = 10;
constexpr auto kMaxRetryWait = std::chrono::hours(6);
// Runs that failed together are not all tried again at the same moment.
constexpr double kRetryJitter = 0.2;
// A drained node takes a look-up's pod as it takes any other; three in a row are hardly lost to bad luck.
constexpr std::ptrdiff_t kMaxLookUps = 3;

/// Whether an attempt that ended so may have finished its artifact without being able to say so.
bool may_have_finished(std::string_view name) {
    const auto reason = base::parse_reason(name);
    if (!reason) return false;
    switch (*reason) {
        case Reason::kOutOfMemory:
        case Reason::kEvicted:
        case Reason::kPodLost:
        case Reason::kJobDeleted:
        case Reason::kNoReport:
        case Reason::kLost:
        case Reason::kAttemptDeadlineExceeded:
        case Reason::kCancelled:
        // The storage may have failed right after the head had its name.
        case Reason::kStorageUnavailable:
        case Reason::kStorageFull:
        case Reason::kStorageReadOnly:
        case Reason::kStoragePermission:
        // Object storage may have made the head although its answer was lost: this is how the next try, or the look
        // at the chain after it, ended.
        case Reason::kStorageUnreachable:
        case Reason::kStorageNameNotResolved:
        case Reason::kStorageProxyFailed:
        case Reason::kStorageThrottled:
        case Reason::kStorageReplyInvalid:
        // These change half-way through a run: a certificate, key or policy is replaced, a token is over, a clock set.
        case Reason::kStorageCertificateInvalid:
        case Reason::kStorageAccessDenied:
        case Reason::kStorageCredentialsInvalid:
        case Reason::kStorageCredentialsRejected:
        case Reason::kStorageSignatureMismatch:
        case Reason::kStorageClockSkewed:
            return true;
        // A bucket that is gone took its heads with it, and what a storage can't do or where it lies was told at the
        // first request, long before a head.
        case Reason::kBucketNotFound:
        case Reason::kStorageRegionWrong:
        case Reason::kStorageOperationUnsupported:
        default:
            return false;
    }
}

/// Whether a runner that ended so had looked for an artifact of its run, and so found none: it does that before
/// anything with a source. A report that may stem from before does not count.
bool has_looked(const Attempt& attempt) {
    const auto reason = base::parse_reason(attempt.reason);
    if (!reason) return false;
    switch (*reason) {
        case Reason::kArtifactDamaged:
            return attempt.look_up;  // Of a copy it may be the repository's own file, which is read before.
        case Reason::kArtifactNotFound:
        case Reason::kSourceUnreachable:
        case Reason::kSourceNameNotResolved:
        case Reason::kNotCatchupServer:
        case Reason::kSourceConnectionLost:
        case Reason::kSourceStalled:
        case Reason::kSourceRefused:
        case Reason::kSourceProtocolError:
        case Reason::kSourceLogPruned:
        case Reason::kSourceIdentityChanged:
        case Reason::kHistoryDiverged:
        case Reason::kNoEarlierBackup:
        case Reason::kChainTooLong:
        case Reason::kSourceBehind:
        case Reason::kNoReadReplica:
        case Reason::kSourcesDisagree:
        case Reason::kCopyInconsistent:
        case Reason::kSourceRequiresTls:
        case Reason::kSourceSpeaksClearText:
        case Reason::kTlsClientCertificateRequired:
        case Reason::kTlsClientCertificateRejected:
        case Reason::kTlsNoCommonVersion:
        case Reason::kServerCertificateExpired:
        case Reason::kServerCertificateNotYetValid:
        case Reason::kServerCertificateUntrusted:
        case Reason::kServerCertificateRevoked:
        case Reason::kServerNameMismatch:
            return true;
        default:
            return false;
    }
}

/// Whether an attempt may have finished its artifact, and none after it has looked.
bool may_hold_an_artifact(const std::vector<Attempt>& attempts) {
    for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
        if (has_looked(*attempt)) return false;
        if (may_have_finished(attempt->reason)) return true;
    }
    return false;
}

std::ptrdiff_t count_look_ups(const std::vector<Attempt>& attempts) {
    return std::count_if(attempts.begin(), attempts.end(), [](const auto& attempt) { return attempt.look_up; });
}

/// Whether the run's look-ups, if there were any, leave open whether there is an artifact, and one more may tell.
bool may_look_again(const std::vector<Attempt>& attempts) {
    const auto& last = attempts.back();
    if (!last.look_up) return true;
    const auto reason = base::parse_reason(last.reason).value_or(Reason::kInternalError);
    return (contract::exit_code_of(reason) == contract::ExitCode::kRetry || reason == Reason::kCancelled) &&
           count_look_ups(attempts) < kMaxLookUps;
}

const Attempt* last_copy(const RunStatus& status) {
    const auto found =
        std::find_if(status.attempts.rbegin(), status.attempts.rend(), [](const auto& a) { return !a.look_up; });
    return found == status.attempts.rend() ? nullptr : &*found;
}

/// In [0, 1), the same whenever an attempt of a run is looked at.
double chance(const std::string& uid, std::int64_t attempt) {
    auto hash = base::fnv1a(fmt::format("{}/{}", attempt, uid));
    // The last characters hardly reach FNV's high bits: mixed as in MurmurHash3's finalizer.
    hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
    return static_cast<double>((hash ^ (hash >> 33U)) >> 32U) / 4294967296.0;
}

/// When the attempt after the last is due. Look-ups count anew: while there are any, the source's other runs wait.
base::SystemTime retry_due(const RunOwner& owner, const RunStatus& status, base::SystemTime ended) {
    const auto& last = status.attempts.back();
    const base::Backoff backoff{.base = owner.policy.retry_backoff, .cap = kMaxRetryWait, .jitter = kRetryJitter};
    const auto tries = last.look_up ? count_look_ups(status.attempts) : last.number - status.first_attempt + 1;
    return ended + backoff.wait(static_cast<std::uint32_t>(tries), chance(owner.meta.uid, last.number));
}

/// How the run fails when nothing follows: as its last copy did, unless only timeouts.run kept it from another one.
Next failure_of(const RunStatus& status, bool attempts_left) {
    const auto& last = status.attempts.back();
    const auto* copy = last_copy(status);
    const auto& told = copy != nullptr ? *copy : last;
    Next next{.reason = base::parse_reason(told.reason).value_or(Reason::kInternalError), .message = told.message};
    if (attempts_left) {
        next.reason = Reason::kDeadlineExceeded;
        next.message = fmt::format("no time for another attempt within timeouts.run; the last one: {}: {}", told.reason,
                                   told.message);
    }
    if (last.look_up && !has_looked(last)) {
        next.message += fmt::format("; whether it finished an artifact is unknown: {}: {}", last.reason, last.message);
    }
    return next;
}

/// Whether the last copy ended in a way that is tried again, and there is an attempt left.
bool has_attempts_left(const RunOwner& owner, const RunStatus& status) {
    const auto* copy = last_copy(status);
    if (copy == nullptr || copy->number - status.first_attempt >= owner.policy.retry_limit) return false;
    const auto reason = base::parse_reason(copy->reason).value_or(Reason::kInternalError);
    return contract::exit_code_of(reason) == contract::ExitCode::kRetry || reason == Reason::kCancelled;
}

/// The end of a run that somebody asked for. No look-up follows: whoever cancels wants no further pod.
Next cancelled(const RunOwner& owner, const RunStatus& status) {
    Next next{.reason = Reason::kCancelled, .message = "spec.cancel is set"};
    const bool stores = owner.policy.lost_report == RunPolicy::LostReport::kMayHoldArtifact;
    if (stores && !status.attempts.empty() && may_hold_an_artifact(status.attempts)) {
        next.message += "; whether an attempt finished an artifact is unknown, `neo4j-backup-runner list` tells";
    }
    return next;
}

}  // namespace

Next next_after(const RunOwner& owner, const RunStatus& status, base::SystemTime now) {
    if (owner.policy.cancelled) return cancelled(owner, status);
    const auto& last = status.attempts.back();
    const bool attempts_left = has_attempts_left(owner, status);
    const bool may_look = owner.policy.lost_report == RunPolicy::LostReport::kMayHoldArtifact &&
                          may_hold_an_artifact(status.attempts) && may_look_again(status.attempts);
    Next next = failure_of(status, attempts_left);
    const auto ended = last.ended.value_or(now);
    const auto due = retry_due(owner, status, ended);
    const bool late = status.started && std::max(due, now) > *status.started + owner.policy.run;
    if (attempts_left && !late && !last.look_up) {
        next.start = StartAttempt{.number = last.number + 1};
        next.due = due;
    } else if (may_look) {
        next.start = StartAttempt{.number = last.number + 1, .look_up = true};
        next.due = last.look_up ? due : ended;
    }
    return next;
}

void forget_oldest(std::vector<Attempt>& attempts) {
    if (attempts.size() <= kMaxAttempts) return;
    auto oldest = attempts.front();
    const bool asks = may_hold_an_artifact(attempts);
    attempts.erase(attempts.begin());
    if (asks && !may_hold_an_artifact(attempts)) attempts.front() = std::move(oldest);
}

}  // namespace n4b::run
