#include "operator/plan/backup_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/reasons.hpp"
#include "operator/plan/job_builder.hpp"
#include "operator/plan/source_plan.hpp"
#include "operator/plan/source_trust.hpp"

namespace n4b::plan {
namespace {

using base::Reason;
using std::chrono::milliseconds;
using Phase = AttemptState::Phase;

constexpr std::size_t kMaxMessage = 1000;
constexpr auto kGateRecheck = std::chrono::seconds(15);
constexpr auto kStartRecheck = std::chrono::seconds(3);
constexpr auto kRunRecheck = std::chrono::seconds(15);   // A lost node sends nothing: only time tells.
constexpr auto kKeepFailedJobs = std::chrono::hours(1);  // For their logs.

std::string with_advice(Reason reason, const std::string& message) {
    const auto what_to_do = api::advice(reason);
    if (what_to_do.empty()) return message;
    return fmt::format("{}{} {}", message, message.ends_with('.') ? "" : ".", what_to_do);
}

/// When something is written, and of which generation of the object.
struct Stamp {
    base::SystemTime now{};
    std::int64_t generation = 0;
};

/// The verdict on the whole run: Succeeded, and what kstatus reads.
void set_verdict(api::BackupStatus& status, const Stamp& stamp, std::string_view succeeded, Reason reason,
                 const std::string& message) {
    const auto set = [&](const char* type, std::string_view value) {
        api::set_condition(status.conditions, {.type = type,
                                               .status = std::string(value),
                                               .reason = std::string(to_string(reason)),
                                               .message = message.substr(0, kMaxMessage),
                                               .last_transition = stamp.now,
                                               .observed_generation = stamp.generation});
    };
    const bool active = succeeded == "Unknown";
    set("Succeeded", succeeded);
    set("Reconciling", active ? "True" : "False");
    set("Stalled", succeeded == "False" ? "True" : "False");
    status.observed_generation = stamp.generation;
    if (!active) status.completed = stamp.now;
}

void set_verdict(BackupPlan& plan, const BackupInputs& in, std::string_view succeeded, Reason reason,
                 const std::string& message) {
    set_verdict(plan.status, {.now = in.now, .generation = in.backup.meta.generation}, succeeded, reason, message);
}

void fail(BackupPlan& plan, const BackupInputs& in, Reason reason, const std::string& message) {
    const std::string text = with_advice(reason, message);
    set_verdict(plan, in, "False", reason, text);
    plan.events.push_back(
        {.warning = true, .reason = std::string(to_string(reason)), .note = "The backup failed: " + text});
    plan.requeue = milliseconds(0);  // Its Jobs may still wait to start.
}

void succeed(BackupPlan& plan, const BackupInputs& in, const contract::RunReport& report) {
    plan.status.artifact = report.artifact;
    plan.status.tls = report.tls;
    plan_trust_at_end(plan, in, report);
    const std::string text = fmt::format("{} up to transaction {} in chain {}{}", report.artifact->kind,
                                         report.artifact->highest_transaction, report.artifact->chain,
                                         report.adopted ? " (found finished)" : "");
    set_verdict(plan, in, "True", Reason::kCompleted, text);
    plan.events.push_back({.reason = "Completed", .note = text});
    plan.requeue = milliseconds(0);
}

Reason reason_of(Gate gate) {
    switch (gate) {
        case Gate::kOpen:
            return Reason::kPending;
        case Gate::kStorageNotFound:
            return Reason::kStorageNotFound;
        case Gate::kClaimNotFound:
            return Reason::kStorageNotReady;
        case Gate::kNoEndpoints:
            return Reason::kServiceHasNoEndpoints;
        case Gate::kQueued:
            return Reason::kQueued;
    }
    return Reason::kPending;
}

void plan_gate(BackupPlan& plan, const BackupInputs& in) {
    const Reason reason = reason_of(in.gate);
    const auto* before = api::find_condition(in.backup.status.conditions, "Succeeded");
    const std::string text = with_advice(reason, in.gate_message);
    if (before == nullptr || before->reason != to_string(reason)) {
        plan.events.push_back(
            {.warning = in.gate != Gate::kQueued, .reason = std::string(to_string(reason)), .note = text});
    }
    set_verdict(plan, in, "Unknown", reason, text);
    plan.requeue = kGateRecheck;
}

void record_attempt(BackupPlan& plan, const BackupInputs& in, const StartAttempt& start) {
    auto& status = plan.status;
    if (!status.started) status.started = in.now;
    status.runner_image = in.runner_image;
    status.memory_limit = in.backup.spec.runner.memory_limit;
    status.attempts.push_back({.number = start.number,
                               .job = job_name(in.backup.meta, start.number),
                               .look_up = start.look_up,
                               .started = in.now});
    forget_oldest(status.attempts);
    const auto text = start.look_up
                          ? fmt::format("looking for a finished artifact with Job {}", status.attempts.back().job)
                          : fmt::format("attempt {} with Job {}", start.number, status.attempts.back().job);
    set_verdict(plan, in, "Unknown", Reason::kPending, text);
    if (!start.look_up) plan_trust_at_start(plan, in);
    plan.events.push_back({.reason = start.look_up ? "LookUpStarted" : "AttemptStarted", .note = text});
    plan.requeue = kStartRecheck;
}

/// Whether a run that has not started never will.
bool plan_lateness(BackupPlan& plan, const BackupInputs& in) {
    const auto& backup = in.backup;
    if (!backup.status.attempts.empty() || in.now <= backup.meta.created + backup.spec.start_deadline) return false;
    const auto* before = api::find_condition(backup.status.conditions, "Succeeded");
    const std::string last = before == nullptr ? "" : fmt::format("; last: {}: {}", before->reason, before->message);
    fail(plan, in, Reason::kStartDeadlineExceeded, "skipped: not started within startDeadline" + last);
    return true;
}

/// A look-up waits for startTimeout only, at a closed gate or to be made: its run is over, and holds back the next of
/// its source.
std::optional<base::SystemTime> end_of_patience(const BackupInputs& in, const Next& next) {
    return next.start->look_up ? std::optional(next.due + in.backup.spec.start_timeout) : std::nullopt;
}

void plan_start(BackupPlan& plan, const BackupInputs& in, const Next& next) {
    const auto& start = *next.start;
    if (plan_lateness(plan, in)) return;
    plan.give_up = end_of_patience(in, next);
    if (plan.give_up && in.now > *plan.give_up && in.gate != Gate::kOpen) {
        return fail(plan, in, next.reason,
                    fmt::format("{}; could not look for a finished artifact: {}: {}", next.message,
                                to_string(reason_of(in.gate)), in.gate_message));
    }
    if (in.gate != Gate::kOpen) return plan_gate(plan, in);
    plan.start = start;
    record_attempt(plan, in, start);
}

void plan_between(BackupPlan& plan, const BackupInputs& in) {
    if (in.unrecorded) return record_attempt(plan, in, *in.unrecorded);
    if (in.backup.status.attempts.empty()) return plan_start(plan, in, {.start = StartAttempt{}});
    const Next next = next_after(in.backup, in.now);
    if (!next.start) return fail(plan, in, next.reason, next.message);
    if (in.now >= next.due) return plan_start(plan, in, next);
    set_verdict(plan, in, "Unknown", Reason::kRetrying,
                fmt::format("attempt {} ended with {}: {}", in.backup.status.attempts.back().number,
                            in.backup.status.attempts.back().reason, in.backup.status.attempts.back().message));
    plan.requeue = next.due - in.now;
}

void plan_open_attempt(BackupPlan& plan, const BackupInputs& in, const AttemptState& state) {
    const auto& attempt = in.backup.status.attempts.back();
    if (state.phase == Phase::kRunning) {
        plan.status.progress = next_progress(plan.status.progress, in.progress);
        set_verdict(plan, in, "Unknown", Reason::kRunning,
                    fmt::format("attempt {} {}", attempt.number, attempt.look_up ? "looks for an artifact" : "copies"));
        plan.requeue = kRunRecheck;
        return;
    }
    if (state.phase == Phase::kStarting) {
        const bool plain = state.reason == Reason::kStartTimeout;
        set_verdict(plan, in, "Unknown", plain ? Reason::kPending : state.reason,
                    plain ? fmt::format("attempt {}: {}", attempt.number, state.message)
                          : with_advice(state.reason, state.message));
        plan.requeue = kStartRecheck;
        return;
    }
    end_attempt(plan.status, state.reason, state.message, in.now);
    if (state.report) plan_source(plan, in, *state.report);
    if (state.reason == Reason::kCompleted && state.report && state.report->artifact) {
        return succeed(plan, in, *state.report);
    }
    plan.events.push_back(
        {.warning = !attempt.look_up,
         .reason = std::string(to_string(state.reason)),
         .note = fmt::format("{} {}: {}", attempt.look_up ? "look-up" : "attempt", attempt.number, state.message)});
    api::Backup after = in.backup;
    after.status = plan.status;
    const Next next = next_after(after, in.now);
    if (!next.start) return fail(plan, in, next.reason, next.message);
    set_verdict(plan, in, "Unknown", Reason::kRetrying,
                fmt::format("attempt {} ended with {}: {}", attempt.number, to_string(state.reason), state.message));
    plan.requeue = std::max<milliseconds>(next.due - in.now, milliseconds(0));
}

}  // namespace

const api::Attempt* open_attempt(const api::BackupStatus& status) {
    return status.attempts.empty() || status.attempts.back().ended ? nullptr : &status.attempts.back();
}

std::int64_t next_number(const api::BackupStatus& status) {
    return status.attempts.empty() ? 1 : status.attempts.back().number + 1;
}

std::string job_to_keep(const api::Backup& backup) {
    if (const auto* open = open_attempt(backup.status)) return open->job;
    return backup.finished() ? std::string() : job_name(backup.meta, next_number(backup.status));
}

std::optional<StartAttempt> wanted_attempt(const api::Backup& backup, base::SystemTime now) {
    if (backup.meta.deleted || backup.finished() || open_attempt(backup.status) != nullptr) return std::nullopt;
    if (backup.status.attempts.empty()) {
        return now <= backup.meta.created + backup.spec.start_deadline ? std::optional(StartAttempt{}) : std::nullopt;
    }
    const Next next = next_after(backup, now);
    return next.start && now >= next.due ? next.start : std::nullopt;
}

void end_attempt(api::BackupStatus& status, Reason reason, const std::string& message, base::SystemTime now) {
    auto& attempt = status.attempts.back();
    attempt.ended = now;
    status.progress.reset();
    attempt.reason = to_string(reason);
    attempt.message = message.substr(0, kMaxMessage);
}

void hold_up(api::BackupStatus& status, std::int64_t generation, const std::string& message, base::SystemTime now) {
    set_verdict(status, {.now = now, .generation = generation}, "Unknown", Reason::kPending,
                "can't start, trying again: " + message);
}

BackupPlan plan_backup(const BackupInputs& in) {
    BackupPlan plan{.status = in.backup.status};
    if (in.backup.meta.deleted) return plan;
    if (in.backup.finished()) {
        const auto completed = in.backup.status.completed.value_or(in.now);
        const bool all = in.backup.succeeded() || in.now >= completed + kKeepFailedJobs;
        plan.cleanup = all ? JobCleanup::kAll : JobCleanup::kUnfinished;
        if (!all) plan.requeue = completed + kKeepFailedJobs - in.now;
        return plan;
    }
    if (open_attempt(in.backup.status) != nullptr && in.attempt) {
        plan_open_attempt(plan, in, *in.attempt);
    } else {
        plan.cleanup = JobCleanup::kUnfinished;
        plan_between(plan, in);
    }
    return plan;
}

}  // namespace n4b::plan
