#include "operator/jobs/run_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/kube/write_status.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::jobs {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using std::chrono::milliseconds;

constexpr milliseconds kRefusedRecheck = std::chrono::minutes(10);

kube::EventTarget target_of(const run::RunOwner& owner) {
    return {.kind = owner.kind,
            .api_version = api::api_version(),
            .object_namespace = owner.meta.object_namespace,
            .name = owner.meta.name,
            .uid = owner.meta.uid};
}

kube::StatusTarget status_target(const Run& run) {
    return {.path = run.path, .resource_version = run.owner.meta.resource_version, .uid = run.owner.meta.uid};
}

Requeue sooner(Requeue a, Requeue b) {
    if (!a || !b) return a ? a : b;
    return std::min(*a, *b);
}

}  // namespace

run::Holder holder_of(const run::RunOwner& owner) {
    return {.uid = owner.meta.uid, .kind = owner.kind, .key = owner.meta.key()};
}

struct RunDriver::Gathered {
    base::SystemTime now{};
    std::optional<run::AttemptState> attempt{};
    std::optional<run::Hindrance> hindrance{};
    run::Preparation prepared{};
    std::vector<std::string> locks{};  ///< Of the Job that may be let go.
};

Result<Requeue> RunDriver::drive(const Run& run) {
    if (run.owner.meta.deleted || run.status.finished()) parts_.locks.give_back(run.owner.meta.uid);
    if (run.owner.meta.deleted) return Requeue{};  // The garbage collector takes the Jobs.
    if (run.status.finished()) {
        relieve(run, run.status);
        return clean_up(run, run.status, {});
    }
    auto gathered = gather(run);
    if (!gathered) {
        parts_.locks.give_back(run.owner.meta.uid);
        tell_held_up(run, gathered.error());
        return base::fail(gathered.error());
    }
    auto step = run::step({.owner = run.owner,
                           .status = run.status,
                           .before = run.before,
                           .attempt = gathered->attempt,
                           .hindrance = gathered->hindrance,
                           .progress = parts_.progress(run.owner.meta.uid),
                           .now = gathered->now});
    FencedJobs::Made made;
    if (step.start) {
        auto done = make_job(run, *gathered, step);
        if (!done) {
            parts_.locks.give_back(run.owner.meta.uid);
            tell_held_up(run, done.error());
            return base::fail(done.error());
        }
        made = std::move(*done);
    }
    N4B_TRY_VOID(write(run, step, *gathered, made));
    if (run.ended && step.verdict.outcome != run::Verdict::Outcome::kUnknown) run.ended(step.verdict);
    N4B_TRY_VOID(after_write(run, step, *gathered));
    relieve(run, step.status);
    return clean_up(run, step.status, step.requeue);
}

Result<RunDriver::Gathered> RunDriver::gather(const Run& run) {
    Gathered gathered{.now = parts_.clock.system_now()};
    if (const auto* attempt = run::open_attempt(run.status)) {
        N4B_TRY_VOID(gather_open(run, *attempt, gathered));
    } else if (const auto wanted = run::wanted_attempt(run.owner, run.status, gathered.now)) {
        N4B_TRY_VOID(gather_next(run, *wanted, gathered));
    } else {
        parts_.locks.give_back(run.owner.meta.uid);
    }
    return gathered;
}

Result<void> RunDriver::gather_open(const Run& run, const run::Attempt& attempt, Gathered& gathered) {
    Seen seen = seen_of(parts_.workload, run.owner.meta.uid, attempt);
    if (!seen.job) {
        N4B_TRY(seen.job, live_job(parts_.client, run.owner.meta, attempt));
    }
    gathered.attempt = observe(run, attempt, seen, gathered.now);
    if (gathered.attempt->phase == run::AttemptState::Phase::kSuspended && seen.job) {
        // An earlier life of the operator recorded the Job and died before it let the Job go.
        gathered.locks = lock_names(seen.job->meta);
        if (const auto blocked = parts_.locks.acquire(holder_of(run.owner), gathered.locks)) {
            gathered.hindrance = run::Hindrance{Reason::kQueued, *blocked};
        }
    }
    const bool told = seen.pod && seen.pod->work_ended();
    if (told || gathered.attempt->phase != run::AttemptState::Phase::kEnded) return {};
    // The store may be behind, and with it a report.
    N4B_TRY(const auto pods, live_pods(parts_.client, run.owner.meta));
    if (auto pod = own_pod_of(pods, attempt.job_uid)) {
        seen.pod = std::move(pod);
        gathered.attempt = observe(run, attempt, seen, gathered.now);
    }
    return {};
}

Result<void> RunDriver::gather_next(const Run& run, const run::StartAttempt& wanted, Gathered& gathered) {
    const auto& uid = run.owner.meta.uid;
    if (!run::unstarted(run.status)) {
        N4B_TRY(const auto living, living_pod(run));
        if (living) {
            gathered.hindrance = run::Hindrance{Reason::kRetrying,
                                                fmt::format("pod {} of an earlier attempt has not ended yet", *living)};
            return {};
        }
        // A Job of an earlier attempt that has no pod yet could still make one.
        N4B_TRY_VOID(clean_up(run, run.status, {}));
    }
    if (const auto blocked = parts_.locks.peek(holder_of(run.owner), run.locks)) {
        gathered.hindrance = run::Hindrance{Reason::kQueued, *blocked};
        return {};
    }
    N4B_TRY(gathered.prepared, run.prepare(wanted));
    if (gathered.prepared.hindrance) {
        gathered.hindrance = gathered.prepared.hindrance;
        parts_.locks.give_back(uid);
        return {};
    }
    gathered.locks = gathered.prepared.locks;
    if (const auto blocked = parts_.locks.acquire(holder_of(run.owner), gathered.locks)) {
        gathered.hindrance = run::Hindrance{Reason::kQueued, *blocked};
    }
    return {};
}

/// The pod of a recorded attempt that may still work: two attempts of one run never work at once.
Result<std::optional<std::string>> RunDriver::living_pod(const Run& run) {
    N4B_TRY(const auto pods, live_pods(parts_.client, run.owner.meta));
    const auto now = parts_.clock.system_now();
    for (const auto& pod : pods) {
        if (!pod->alive() || pod->work_ended() || run::is_lost(*pod, now)) continue;
        if (is_recorded_in(run.status, pod->meta.controller_uid)) return pod->meta.name;
    }
    return std::nullopt;
}

run::AttemptState RunDriver::observe(const Run& run, const run::Attempt& attempt, const Seen& seen,
                                     base::SystemTime now) {
    return run::observe_attempt({.owner = run.owner,
                                 .status = run.status,
                                 .attempt = attempt,
                                 .job = seen.job.get(),
                                 .pod = seen.pod.get(),
                                 .events = late_.about(run.owner, attempt, seen, now),
                                 .now = now});
}

run::JobRequest RunDriver::request_of(const Run& run, const Gathered& gathered, const run::StartAttempt& start) const {
    return {.owner = run.owner,
            .config = parts_.config,
            .attempt = start,
            .profile = gathered.prepared.profile,
            .spec = gathered.prepared.spec,
            .mounts = gathered.prepared.mounts,
            .server = gathered.prepared.server,
            .labels = gathered.prepared.labels,
            .locks = gathered.prepared.locks,
            .limit = run::attempt_limit(run.owner, run.status, gathered.now, start.look_up)};
}

Result<FencedJobs::Made> RunDriver::make_job(const Run& run, const Gathered& gathered, run::RunStep& step) {
    auto& attempt = step.status.attempts.back();
    const bool late = step.give_up && gathered.now > *step.give_up;
    N4B_TRY(auto made, jobs_.make(run, request_of(run, gathered, *step.start), attempt.job, late));
    attempt.job_uid = made.uid;
    if (made.refusal) end_unmade(run, step, *made.refusal);
    return made;
}

void RunDriver::end_unmade(const Run& run, run::RunStep& step, const FencedJobs::Refusal& refusal) {
    run::end_attempt(step.status, refusal.reason, refusal.message, parts_.clock.system_now());
    step.open_job = run::RunStep::OpenJob::kLeave;
    step.requeue = milliseconds(0);
    // The step tells of an attempt that has begun, and this one has not.
    step.events = {{.warning = true, .reason = std::string(to_string(refusal.reason)), .note = refusal.message}};
    parts_.locks.give_back(run.owner.meta.uid);
}

Result<void> RunDriver::write(const Run& run, run::RunStep& step, const Gathered& gathered,
                              const FencedJobs::Made& made) {
    const auto texts = run.finish(step, step.start ? &gathered.prepared : nullptr);
    auto refused = step;
    refused.verdict = {.outcome = run::Verdict::Outcome::kFailed,
                       .reason = Reason::kStatusRefused,
                       .message = "the API server refuses this run's status; see the operator's log"};
    const auto written = kube::write_status(parts_.client, status_target(run), run.status_before, texts.whole,
                                            run.finish(refused, nullptr).conditions);
    if (!written) {
        // Whether the API server has stored the status is unknown. The next look tells, and a Job that no status names
        // stays suspended.
        parts_.locks.give_back(run.owner.meta.uid);
        return base::fail(written.error());
    }
    switch (*written) {
        case kube::StatusWrite::kWritten:
        case kube::StatusWrite::kEqual:
            return {};
        case kube::StatusWrite::kGone:
            undo(run, made);
            step = {.status = run.status, .verdict = run.before};  // No status records the Job, so nobody lets it go.
            return {};
        case kube::StatusWrite::kConflict:
            undo(run, made);
            return base::fail(ErrorCode::kConflict, "the object changed while its run was looked at");
        case kube::StatusWrite::kConditionsOnly:
        case kube::StatusWrite::kRefused:
            break;
    }
    undo(run, made);
    parts_.metrics.status_refused(run.owner.kind);
    step = {.status = run.status, .verdict = refused.verdict, .requeue = kRefusedRecheck};
    step.events.push_back({.warning = true,
                           .reason = std::string(to_string(Reason::kStatusRefused)),
                           .note = "the API server refuses the status of this run, which therefore ends"});
    return {};
}

void RunDriver::undo(const Run& run, const FencedJobs::Made& made) {
    jobs_.take_back(run, made);
    parts_.locks.give_back(run.owner.meta.uid);
}

Result<void> RunDriver::after_write(const Run& run, const run::RunStep& step, const Gathered& gathered) {
    for (const auto& event : step.events) record(run, event);
    if (step.report && !run.source.empty()) {
        for (const auto& heard : heard_) heard(run.source, *step.report);
    }
    const auto* attempt = run::open_attempt(step.status);
    if (attempt == nullptr || step.open_job == run::RunStep::OpenJob::kLeave) return {};
    const bool must_wait = !step.start && gathered.hindrance;
    if (step.open_job == run::RunStep::OpenJob::kLetGo && must_wait) return {};
    if (step.open_job == run::RunStep::OpenJob::kRemove) {
        return parts_.client.remove(job_path(run.owner.meta, attempt->job), attempt->job_uid);
    }
    // Hold the locks before the Job can have a pod.
    parts_.locks.belongs_to(holder_of(run.owner), attempt->job_uid, gathered.locks);
    return jobs_.let_go(run, *attempt);
}

Result<Requeue> RunDriver::clean_up(const Run& run, const run::RunStatus& status, Requeue requeue) {
    const auto now = parts_.clock.system_now();
    std::vector<std::string> over;
    for (const auto& attempt : status.attempts) {
        if (attempt.ended || status.finished()) over.push_back(attempt.job_uid);
    }
    for (const auto& job : parts_.workload.jobs_of(run.owner.meta.uid)) {
        if (job->meta.deleted) continue;
        const auto pod = own_pod_of(parts_.workload.pods_of(job->meta.uid), job->meta.uid);
        const auto until = run::keep_job_until(status, *job, pod.get());
        if (!until) continue;
        if (*until > now) {
            requeue = sooner(requeue, std::chrono::ceil<milliseconds>(*until - now));
            continue;
        }
        if (!is_recorded_in(status, job->meta.uid)) {
            // The object in the store may be older than the Job.
            N4B_TRY(const bool recorded, jobs_.is_recorded(run, job->meta.uid));
            if (recorded) continue;
        }
        N4B_TRY_VOID(parts_.client.remove(job_path(run.owner.meta, job->meta.name), job->meta.uid));
    }
    remove_surplus_pods(run, status);
    parts_.locks.settle(holder_of(run.owner), over);
    late_.forget(over);
    return requeue;
}

void RunDriver::remove_pod(const Run& run, const api::Pod& pod, const std::string& why) {
    if (!pod.alive() || pod.meta.deleted) return;
    const auto removed =
        parts_.client.remove(object_path("/api/v1", run.owner.meta, "pods", pod.meta.name), pod.meta.uid);
    telemetry::info("removed a pod",
                    {{"pod", pod.meta.key()}, {"why", why}, {"error", removed ? "" : removed.error().message}});
}

/// The Job controller may make a second pod of a Job when it has not seen the first one, or has not seen that the first
/// one ended. The second pod would copy everything once more, and hold the run's locks meanwhile.
void RunDriver::remove_surplus_pods(const Run& run, const run::RunStatus& status) {
    for (const auto& attempt : status.attempts) {
        const auto pods = parts_.workload.pods_of(attempt.job_uid);
        const auto own = own_pod_of(pods, attempt.job_uid);
        for (const auto& pod : pods) {
            const bool late = attempt.ended && pod->meta.created > *attempt.ended;
            if (pod != own || late) remove_pod(run, *pod, "the Job controller made it beside the one of its Job");
        }
    }
}

/// Deletes pods that only a foreign container keeps alive while somebody waits for what they hold.
void RunDriver::relieve(const Run& run, const run::RunStatus& status) {
    if (!parts_.locks.is_awaited(run.owner.meta.uid)) return;
    for (const auto& attempt : status.attempts) {
        if (!attempt.ended) continue;
        for (const auto& pod : parts_.workload.pods_of(attempt.job_uid)) {
            if (!pod->work_ended()) continue;
            remove_pod(run, *pod, "its runner has ended, and another run waits for its volume");
        }
    }
}

void RunDriver::tell_held_up(const Run& run, const base::Error& error) {
    if (error.code == ErrorCode::kCancelled || error.code == ErrorCode::kConflict) return;
    run::RunStep step{.status = run.status, .verdict = run::held_up(error.message)};
    // What is written wakes the run at once: a text that always differs would undo the wait between two tries.
    if (run.before.reason == step.verdict.reason && run::tell_the_same(run.before.message, step.verdict.message))
        return;
    const auto texts = run.finish(step, nullptr);
    const auto written =
        kube::write_status(parts_.client, status_target(run), run.status_before, texts.whole, texts.conditions);
    if (!written) {
        telemetry::debug("can't tell why a run does not start",
                         {{"object", run.owner.meta.key()}, {"error", written.error().message}});
    }
}

void RunDriver::record(const Run& run, const run::PlannedEvent& event) {
    parts_.events.record(target_of(run.owner),
                         {.warning = event.warning, .reason = event.reason, .note = event.note, .action = "Run"});
}

}  // namespace n4b::jobs
