#include "operator/run/run_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "operator/api/reasons.hpp"
#include "operator/run/job_builder.hpp"

namespace n4b::run {
namespace {

using base::Reason;
using std::chrono::milliseconds;
using Outcome = Verdict::Outcome;
using Phase = AttemptState::Phase;

constexpr milliseconds kGateRecheck = std::chrono::seconds(15);
// Whoever waits for a lock is woken when the lock is free; this look is for a wake-up that was lost.
constexpr milliseconds kQueueRecheck = std::chrono::seconds(60);
constexpr milliseconds kStartRecheck = std::chrono::seconds(3);
constexpr milliseconds kRunRecheck = std::chrono::seconds(15);  // A lost node sends nothing: only time tells.
constexpr auto kKeepFailedJobs = std::chrono::hours(1);         // For their logs.
constexpr auto kProgressInterval = std::chrono::seconds(10);

void finish(RunStep& plan, const RunInputs& in, Outcome outcome, Reason reason, const std::string& message) {
    plan.verdict = {.outcome = outcome, .reason = reason, .message = api::with_advice(reason, message)};
    plan.status.completed = in.now;
    plan.status.progress.reset();
    plan.requeue = milliseconds(0);  // Its Jobs are looked at again.
}

void wait_for(RunStep& plan, Reason reason, std::string message, milliseconds recheck) {
    plan.verdict = {.outcome = Outcome::kUnknown, .reason = reason, .message = std::move(message)};
    plan.requeue = recheck;
}

/// Who holds a lock changes with every run that ends, and each change would be written to all that wait.
bool is_same_wait(const Verdict& before, const Hindrance& hindrance) {
    return before.outcome == Outcome::kUnknown && before.reason == Reason::kQueued &&
           hindrance.reason == Reason::kQueued;
}

void plan_hindrance(RunStep& plan, const RunInputs& in) {
    const auto& hindrance = *in.hindrance;
    if (is_same_wait(in.before, hindrance)) return wait_for(plan, Reason::kQueued, in.before.message, kQueueRecheck);
    const std::string text = api::with_advice(hindrance.reason, hindrance.message);
    if (in.before.reason != hindrance.reason || in.before.message.empty()) {
        plan.events.push_back({.warning = hindrance.reason != Reason::kQueued,
                               .reason = std::string(to_string(hindrance.reason)),
                               .note = text});
    }
    wait_for(plan, hindrance.reason, text, hindrance.reason == Reason::kQueued ? kQueueRecheck : kGateRecheck);
}

void record_attempt(RunStep& plan, const RunInputs& in, const StartAttempt& start) {
    auto& status = plan.status;
    if (unstarted(status)) status.started = in.now;
    status.attempts.push_back({.number = start.number,
                               .job = job_name(in.owner.meta, start.number),
                               .look_up = start.look_up,
                               .started = in.now});
    forget_oldest(status.attempts);
    const auto text = start.look_up
                          ? fmt::format("looking for a finished artifact with Job {}", status.attempts.back().job)
                          : fmt::format("attempt {} with Job {}", start.number, status.attempts.back().job);
    wait_for(plan, Reason::kPending, text, kStartRecheck);
    plan.open_job = RunStep::OpenJob::kLetGo;
    plan.events.push_back({.reason = start.look_up ? "LookUpStarted" : "AttemptStarted", .note = text});
}

/// Why a run that has not started never will.
std::optional<std::string> skipped(const RunInputs& in) {
    const auto& policy = in.owner.policy;
    if (in.owner.meta.restored) {
        return "Velero restored this object, so what it asks for belongs to the past (label velero.io/restore-name)";
    }
    if (policy.not_after && in.now > *policy.not_after) return "it did not start before spec.notAfter";
    if (policy.wait && in.now > in.owner.meta.created + *policy.wait) {
        return "it did not start within spec.timeouts.wait";
    }
    return std::nullopt;
}

std::string last_wait(const Verdict& before) {
    if (before.outcome != Outcome::kUnknown || before.message.empty() || before.reason == Reason::kPending) return "";
    return fmt::format("; it waited: {}: {}", to_string(before.reason), before.message);
}

/// A look-up waits for timeouts.start only, at a closed gate or to be made: its run is over, and the user waits for
/// the verdict.
std::optional<base::SystemTime> end_of_patience(const RunInputs& in, const Next& next) {
    return next.start->look_up ? std::optional(next.due + in.owner.policy.start) : std::nullopt;
}

void plan_start(RunStep& plan, const RunInputs& in, const Next& next) {
    plan.give_up = end_of_patience(in, next);
    if (in.hindrance && plan.give_up && in.now > *plan.give_up) {
        return finish(plan, in, Outcome::kFailed, next.reason,
                      fmt::format("{}; could not look for a finished artifact: {}: {}", next.message,
                                  to_string(in.hindrance->reason), in.hindrance->message));
    }
    if (in.hindrance && in.hindrance->for_ever) {
        return finish(plan, in, Outcome::kFailed, in.hindrance->reason, in.hindrance->message);
    }
    if (in.hindrance) return plan_hindrance(plan, in);
    plan.start = *next.start;
    record_attempt(plan, in, *next.start);
}

void plan_first(RunStep& plan, const RunInputs& in) {
    if (in.owner.policy.cancelled) {
        return finish(plan, in, Outcome::kSkipped, Reason::kCancelled, "spec.cancel was set before it started");
    }
    if (const auto why = skipped(in)) {
        return finish(plan, in, Outcome::kSkipped, Reason::kSkipped, *why + last_wait(in.before));
    }
    plan_start(plan, in, {.start = StartAttempt{.number = next_number(in.status)}});
}

void give_up(RunStep& plan, const RunInputs& in, const Next& next) {
    const auto waited = next.reason == Reason::kDeadlineExceeded ? last_wait(in.before) : std::string();
    const auto outcome = next.reason == Reason::kCancelled ? Outcome::kSkipped : Outcome::kFailed;
    finish(plan, in, outcome, next.reason, next.message + waited);
}

void plan_between(RunStep& plan, const RunInputs& in) {
    if (unstarted(in.status)) return plan_first(plan, in);
    const Next next = next_after(in.owner, in.status, in.now);
    if (!next.start) return give_up(plan, in, next);
    if (in.now >= next.due) return plan_start(plan, in, next);
    const auto& last = in.status.attempts.back();
    wait_for(plan, Reason::kRetrying,
             fmt::format("attempt {} ended with {}: {}", last.number, last.reason, last.message),
             std::chrono::ceil<milliseconds>(next.due - in.now));
}

/// An attempt that ended because of spec.cancel looks as if somebody had deleted its Job, which we did.
AttemptState with_cancel(const RunInputs& in, AttemptState state) {
    if (in.owner.policy.cancelled && state.reason == Reason::kJobDeleted) {
        state.reason = Reason::kCancelled;
        state.message = "spec.cancel is set";
    }
    return state;
}

void plan_ended_attempt(RunStep& plan, const RunInputs& in, const AttemptState& seen) {
    const auto state = with_cancel(in, seen);
    const auto attempt = in.status.attempts.back();
    end_attempt(plan.status, state.reason, state.message, in.now);
    plan.report = state.report;
    if (state.reason == Reason::kCompleted && state.report) {
        return finish(plan, in, Outcome::kSucceeded, Reason::kCompleted, state.message);
    }
    plan.events.push_back(
        {.warning = !attempt.look_up && state.reason != Reason::kCancelled,
         .reason = std::string(to_string(state.reason)),
         .note = fmt::format("{} {}: {}", attempt.look_up ? "look-up" : "attempt", attempt.number, state.message)});
    const Next next = next_after(in.owner, plan.status, in.now);
    if (!next.start) return give_up(plan, in, next);
    wait_for(plan, Reason::kRetrying,
             fmt::format("attempt {} ended with {}: {}", attempt.number, to_string(state.reason), state.message),
             std::max(std::chrono::ceil<milliseconds>(next.due - in.now), milliseconds(0)));
}

const char* what_it_does(const Attempt& attempt, const AttemptState& state) {
    if (state.server_works) return "has restored the database, which a server recovers now";
    return attempt.look_up ? "looks for an artifact" : "runs";
}

void plan_open_attempt(RunStep& plan, const RunInputs& in, const AttemptState& state) {
    const auto& attempt = in.status.attempts.back();
    if (state.phase == Phase::kEnded) return plan_ended_attempt(plan, in, state);
    if (state.phase == Phase::kRunning) {
        plan.status.progress = next_progress(plan.status.progress, in.progress);
        if (state.server_works) plan.status.progress.reset();  // Only runners tell any.
        wait_for(plan, Reason::kRunning, fmt::format("attempt {} {}", attempt.number, what_it_does(attempt, state)),
                 kRunRecheck);
    } else {
        const bool plain = state.reason == Reason::kStartTimeout;
        wait_for(plan, plain ? Reason::kPending : state.reason,
                 plain ? fmt::format("attempt {}: {}", attempt.number, state.message)
                       : api::with_advice(state.reason, state.message),
                 kStartRecheck);
    }
    if (in.owner.policy.cancelled) {
        plan.verdict.message = fmt::format("spec.cancel is set: attempt {} is being ended", attempt.number);
        plan.open_job = RunStep::OpenJob::kRemove;
    } else if (state.phase == Phase::kSuspended) {
        plan.open_job = RunStep::OpenJob::kLetGo;
    }
}

bool one_percent_apart(std::int64_t before, std::int64_t after) {
    return before != after && std::abs(after - before) >= before / 100;
}

}  // namespace

bool unstarted(const RunStatus& status) {
    return status.attempts.empty() || status.attempts.back().number < status.first_attempt;
}

std::optional<StartAttempt> wanted_attempt(const RunOwner& owner, const RunStatus& status, base::SystemTime now) {
    if (owner.meta.deleted || status.finished() || open_attempt(status) != nullptr) return std::nullopt;
    if (unstarted(status)) {
        if (owner.policy.cancelled || skipped({.owner = owner, .status = status, .now = now})) return std::nullopt;
        return StartAttempt{.number = next_number(status)};
    }
    const Next next = next_after(owner, status, now);
    return next.start && now >= next.due ? next.start : std::nullopt;
}

void end_attempt(RunStatus& status, Reason reason, const std::string& message, base::SystemTime now) {
    auto& attempt = status.attempts.back();
    attempt.ended = now;
    attempt.reason = to_string(reason);
    attempt.message = message.substr(0, kMaxMessage);
    status.progress.reset();
}

void tell_end(RunStep& step, std::string_view what) {
    const auto& verdict = step.verdict;
    if (verdict.outcome == Outcome::kUnknown) return;
    const bool failed = verdict.outcome == Outcome::kFailed;
    step.events.push_back({.warning = failed,
                           .reason = std::string(to_string(verdict.reason)),
                           .note = failed ? fmt::format("The {} failed: {}", what, verdict.message) : verdict.message});
}

Verdict held_up(const std::string& message) {
    return {.reason = Reason::kPending, .message = "can't start, trying again: " + message};
}

std::optional<base::SystemTime> keep_job_until(const RunStatus& status, const api::Job& job, const api::Pod* pod) {
    constexpr base::SystemTime kNow = base::SystemTime::min();
    for (const auto& attempt : status.attempts) {
        if (attempt.job_uid != job.meta.uid) continue;
        // A run whose status was refused is over without an end of its attempt.
        if (!attempt.ended) return status.finished() ? std::optional(kNow) : std::nullopt;
        if (attempt.reason == to_string(Reason::kCompleted)) return kNow;
        const bool ran = job.complete || job.failed || (pod != nullptr && pod->work_ended());
        return ran ? *attempt.ended + kKeepFailedJobs : kNow;
    }
    // The Job may be one that was made a moment ago and is being recorded now.
    const bool adoptable = !status.finished() && open_attempt(status) == nullptr && job.suspended;
    return adoptable ? std::nullopt : std::optional(kNow);
}

std::optional<Progress> next_progress(const std::optional<Progress>& before, const std::optional<Progress>& seen) {
    if (!before || !seen) return seen ? seen : before;
    if (seen->observed - before->observed < kProgressInterval) return before;
    const bool tells = seen->phase != before->phase || one_percent_apart(before->bytes, seen->bytes) ||
                       one_percent_apart(before->files, seen->files) || (seen->rate == 0) != (before->rate == 0);
    return tells ? seen : before;
}

RunStep step(const RunInputs& in) {
    RunStep plan{.status = in.status, .verdict = in.before};
    if (in.owner.meta.deleted || in.status.finished()) return plan;
    if (open_attempt(in.status) != nullptr) {
        if (in.attempt) plan_open_attempt(plan, in, *in.attempt);
    } else {
        plan_between(plan, in);
    }
    return plan;
}

}  // namespace n4b::run
