#include "backup-runner/object_store/s3_caller.hpp"

#include <fmt/format.h>

#include <utility>

#include "backup-runner/object_store/secret_file.hpp"
#include "backup-runner/s3/digest.hpp"
#include "common/base/check.hpp"
#include "common/base/notice.hpp"
#include "common/base/pause.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Result;
using std::chrono::milliseconds;

/// A storage may repeat what it was sent.
std::string scrubbed(std::string text, const s3::Credentials& credentials) {
    return without(without(std::move(text), credentials.secret), credentials.session_token);
}

/// The failure of a request that got no reply at all.
s3::Failure failure_of_transport(base::Error error, const std::string& what) {
    const bool again = error.code == ErrorCode::kUnavailable;
    return {.kind = again ? s3::FailureKind::kTransient : s3::FailureKind::kPermanent, .error = error.wrap(what)};
}

/// From here on it is more than a hiccup, and whoever reads a log should know what a run waits for.
constexpr int kTellingFailures = 3;
constexpr int kServerError = 500;
/// How long the time of an answer is counted on: our clock may stop with a machine that is suspended.
constexpr std::chrono::minutes kTimeIsKnown{1};

void tell_retry(int failures, milliseconds wait, const base::Error& error) {
    const auto text =
        fmt::format("trying again in {} ms, after {} failures: {}", wait.count(), failures, error.message);
    failures < kTellingFailures ? base::debug(text) : base::warn(text);
}

bool is_answer(s3::FailureKind kind) {
    return kind == s3::FailureKind::kTaken || kind == s3::FailureKind::kNotFound || kind == s3::FailureKind::kHeld ||
           kind == s3::FailureKind::kBeyondEnd;
}

/// Another try may do better.
bool is_momentary(const base::Error& error) {
    return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kThrottled;
}

/// What failed last, of a request of which an earlier try may have been done: an error that says that nothing was done
/// says so of the last try only. Unavailable: nobody knows.
base::Error as_far_as_known(base::Error error, bool maybe_done, const S3Call& call) {
    const bool open = is_momentary(error) || error.code == ErrorCode::kDeadline || error.code == ErrorCode::kCancelled;
    if (maybe_done && call.operation.writes && !open) error.code = ErrorCode::kUnavailable;
    return error;
}

}  // namespace

/// What has happened to one call so far.
struct S3Caller::Progress {
    s3::Tries tries{};
    s3::Credentials credentials{};           ///< Of the last request.
    std::optional<base::SystemTime> time{};  ///< Of the storage, by the last reply.
    bool maybe_done = false;
};

struct S3Caller::Outcome {
    Received received{};
    std::optional<s3::Failure> failure{};
};

Result<S3Answer> S3Caller::perform(const S3Call& s3_call, const Call& call) {
    const auto what = s3::describe(parts_.location, s3_call.operation);
    s3::Payload payload{.sha256 = s3_call.body_sha256.empty() ? s3::sha256_hex(s3_call.body)
                                                              : std::string(s3_call.body_sha256)};
    if (s3::is_locked(parts_.location, s3_call.operation)) payload.md5_base64 = s3::md5_base64(s3_call.body);
    Progress progress;
    progress.tries.max = parts_.max_tries;
    std::optional<base::Error> last;
    for (;;) {
        auto outcome = try_once(s3_call, payload, progress, call);
        if (!outcome) {
            // What failed before the deadline says more than that it has passed.
            if (outcome.error().code != ErrorCode::kDeadline || !last) {
                return base::fail(as_far_as_known(outcome.error().wrap(what), progress.maybe_done, s3_call));
            }
            return base::fail(last->wrap("given up at the deadline"));
        }
        if (!outcome->failure) {
            return S3Answer{.received = std::move(outcome->received), .maybe_done_before = progress.maybe_done};
        }
        auto& failure = *outcome->failure;
        failure.error.message = scrubbed(std::move(failure.error.message), progress.credentials);
        if (is_answer(failure.kind)) {
            return S3Answer{.received = std::move(outcome->received),
                            .refusal = failure.kind,
                            .maybe_done_before = progress.maybe_done};
        }
        ++progress.tries.failures;
        // A gateway may answer that it is overloaded after the storage has done what it was asked for.
        const bool overloaded =
            failure.kind == s3::FailureKind::kThrottled && outcome->received.reply.status >= kServerError;
        progress.maybe_done = progress.maybe_done || failure.kind == s3::FailureKind::kTransient || overloaded;
        const auto wait = next_wait(failure, progress, call);
        if (!wait || *wait >= call.deadline.left()) {
            const auto tries = progress.tries.failures;
            if (tries > 1) failure.error.message += fmt::format(" (after {} tries)", tries);
            return base::fail(as_far_as_known(std::move(failure.error), progress.maybe_done, s3_call));
        }
        tell_retry(progress.tries.failures, *wait, failure.error);
        last = std::move(failure.error);
        base::pause(*wait, call.stop);
    }
}

/// Returns an error only when the call has to end, or when there are no credentials to sign with; what the storage
/// answers is the outcome.
Result<S3Caller::Outcome> S3Caller::try_once(const S3Call& s3_call, const s3::Payload& payload, Progress& progress,
                                             const Call& call) {
    auto credentials = parts_.credentials->current(call);
    if (!credentials) {
        if (!is_momentary(credentials.error())) return base::fail(credentials.error());
        // Whoever issues credentials can't at the moment: nothing has been sent.
        return Outcome{.failure = s3::Failure{
                           .kind = s3::FailureKind::kThrottled,
                           .error = credentials.error().wrap(s3::describe(parts_.location, s3_call.operation))}};
    }
    progress.credentials = std::move(*credentials);
    N4B_CHECK(!progress.credentials.key_id.empty(), "credentials are never empty");
    const auto offset = clock_offset_.load();
    const auto request = s3::sign(parts_.location, s3_call.operation, payload, progress.credentials,
                                  parts_.clock->system_now() + offset);
    auto received = parts_.transport->send(
        {.request = request, .body = s3_call.body, .into = s3_call.into, .max_reply = s3_call.max_reply}, call);
    progress.time = std::nullopt;
    if (!received) {
        const auto code = received.error().code;
        if (code == ErrorCode::kCancelled || code == ErrorCode::kDeadline) return base::fail(received.error());
        return Outcome{.failure =
                           failure_of_transport(received.error(), s3::describe(parts_.location, s3_call.operation))};
    }
    progress.time = s3::time_of(received->reply);
    // With an age it comes from a cache, and tells when that was filled.
    if (progress.time && !s3::header_of(received->reply, "age")) {
        const std::lock_guard lock(mutex_);
        told_ = {.time = *progress.time, .at = parts_.clock->steady_now()};
    }
    if (base::tells_everything()) {
        base::debug(fmt::format("{}: {}", s3::describe(parts_.location, s3_call.operation), received->reply.status));
    }
    Outcome outcome{.received = std::move(*received)};
    if (!s3::is_success(outcome.received.reply.status)) {
        outcome.failure = s3::explain(parts_.location, s3_call.operation, outcome.received.reply);
    }
    return outcome;
}

std::optional<base::SystemTime> S3Caller::known_time() const {
    const std::lock_guard lock(mutex_);
    if (!told_) return std::nullopt;
    const auto since = std::chrono::floor<milliseconds>(parts_.clock->steady_now() - told_->at);
    if (since > kTimeIsKnown) return std::nullopt;
    return told_->time + since;
}

/// Nothing: the failure ends the call.
std::optional<milliseconds> S3Caller::next_wait(s3::Failure& failure, Progress& progress, const Call& call) {
    auto& tries = progress.tries;
    auto kind = failure.kind;
    if (kind == s3::FailureKind::kCredentials && !tries.credentials_again) {
        const auto now = parts_.credentials->after_refusal_of(progress.credentials, call);
        tries.credentials_changed = now && *now != progress.credentials;
        // Whoever issues credentials can't at the moment, which says nothing about those that it will issue.
        if (!now && is_momentary(now.error())) kind = s3::FailureKind::kThrottled;
        const bool ended =
            !now && (now.error().code == ErrorCode::kCancelled || now.error().code == ErrorCode::kDeadline);
        if (ended) {
            failure.error = now.error();
            return std::nullopt;
        }
    }
    tries.clock_known = progress.time.has_value();
    const auto wait = s3::wait_before_retry(kind, tries, failure.error.retry_after, parts_.random());
    if (wait && kind == s3::FailureKind::kCredentials) tries.credentials_again = true;
    if (wait && kind == s3::FailureKind::kClock) {
        clock_offset_ = *progress.time - parts_.clock->system_now();
        tries.clock_used = true;
    }
    return wait;
}

}  // namespace n4b::object_store
