#include "operator/jobs/run_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "common/base/json_object.hpp"
#include "operator/kube/write_status.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::jobs {
namespace {

using base::ErrorCode;
using base::Json;
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

/// The text without hex digits: a server's message may hold a port, an address or an id that differs each time.
std::string without_numbers(std::string text) {
    std::erase_if(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
    return text;
}

Requeue sooner(Requeue a, Requeue b) {
    if (!a || !b) return a ? a : b;
    return std::min(*a, *b);
}

bool is_recorded_in(const run::RunStatus& status, const std::string& job_uid) {
    return std::any_of(status.attempts.begin(), status.attempts.end(),
                       [&](const auto& attempt) { return attempt.job_uid == job_uid; });
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

/// A Job that this process made in this step, so that it can be taken back.
struct RunDriver::Made {
    std::string job{};
    std::string uid{};  ///< Empty: none was made.
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
    Made made;
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
    const bool told = seen.pod && seen.pod->runner && seen.pod->runner->terminated;
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
        const bool ended = pod->runner && pod->runner->terminated;
        if (!pod->alive() || ended || run::is_lost(*pod, now)) continue;
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
            .labels = gathered.prepared.labels,
            .locks = gathered.prepared.locks,
            .limit = run::attempt_limit(run.owner, run.status, gathered.now, start.look_up)};
}

Result<RunDriver::Made> RunDriver::make_job(const Run& run, const Gathered& gathered, run::RunStep& step) {
    const auto request = request_of(run, gathered, *step.start);
    auto& attempt = step.status.attempts.back();
    Made made{.job = attempt.job};
    const auto& ns = run.owner.meta.object_namespace;
    const auto created = parts_.client.create(kube::collection_path("/apis/batch/v1", ns, "jobs"),
                                              run::build_job(request), [&](const Json& json) {
                                                  if (const auto job = api::parse_job(json)) made.uid = job->meta.uid;
                                              });
    if (created && made.uid.empty()) return base::fail(ErrorCode::kInternal, "the API server made a Job without a uid");
    if (created) {
        attempt.job_uid = made.uid;
        return made;
    }
    const auto code = created.error().code;
    if (code == ErrorCode::kAlreadyExists) return adopt(run, request, step);
    const bool late = step.give_up && gathered.now > *step.give_up;
    // Permissions that are being repaired (403) pass, and so does a busy server; what is invalid stays so.
    if (code != ErrorCode::kInvalid && !late) return base::fail(created.error());
    return end_unmade(run, step, Reason::kPodRejected, created.error().message);
}

/// Ends an attempt whose Job can't be made, now or later.
RunDriver::Made RunDriver::end_unmade(const Run& run, run::RunStep& step, Reason reason, const std::string& message) {
    run::end_attempt(step.status, reason, message, parts_.clock.system_now());
    step.open_job = run::RunStep::OpenJob::kLeave;
    step.requeue = milliseconds(0);
    // The step tells of an attempt that has begun, and this one has not.
    step.events = {{.warning = true, .reason = std::string(to_string(reason)), .note = message}};
    parts_.locks.give_back(run.owner.meta.uid);
    return {};
}

/// A Job of that name is there: an earlier life of the operator, or another operator at this moment, made it and has
/// not recorded it. With the same settings it is as good as a new one.
Result<RunDriver::Made> RunDriver::adopt(const Run& run, const run::JobRequest& request, run::RunStep& step) {
    auto& attempt = step.status.attempts.back();
    Result<api::Job> live = base::fail(ErrorCode::kInternal, "no object");
    N4B_TRY_VOID(parts_.client.get(job_path(run.owner.meta, attempt.job),
                                   [&](const auto& json) { live = api::parse_job(json); }));
    if (!live) return base::fail(live.error());
    if (live->meta.controller_uid != run.owner.meta.uid) {
        return end_unmade(run, step, Reason::kJobConflict,
                          fmt::format("a Job {} exists that is not ours", attempt.job));
    }
    // After a start the store lags behind: an object in it may not name the attempt that this Job already works for.
    N4B_TRY(const bool recorded, is_recorded(run, live->meta.uid));
    if (recorded) return base::fail(ErrorCode::kConflict, fmt::format("Job {} is recorded already", attempt.job));
    if (!live->suspended || live->meta.deleted || live->meta.digest != run::job_digest(request)) {
        // Nobody may have recorded it and let it go since it was read.
        N4B_TRY_VOID(
            parts_.client.remove(job_path(run.owner.meta, attempt.job), live->meta.uid, live->meta.resource_version));
        return base::fail(ErrorCode::kUnavailable,
                          fmt::format("Job {} was made with other settings and is being removed", attempt.job));
    }
    attempt.job_uid = live->meta.uid;
    return Made{};
}

Result<void> RunDriver::write(const Run& run, run::RunStep& step, const Gathered& gathered, const Made& made) {
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

/// Takes back a Job that this step made, unless another operator has recorded it meanwhile.
void RunDriver::undo(const Run& run, const Made& made) {
    if (!made.uid.empty()) {
        const auto recorded = is_recorded(run, made.uid);
        if (recorded && !*recorded) {
            const auto removed = parts_.client.remove(job_path(run.owner.meta, made.job), made.uid);
            if (!removed) telemetry::warn("a Job that was not recorded stays suspended", {{"job", made.job}});
        }
    }
    parts_.locks.give_back(run.owner.meta.uid);
}

/// Whether the object as it is now names the Job. An object that is gone, or was made anew, doesn't.
Result<bool> RunDriver::is_recorded(const Run& run, const std::string& job_uid) {
    Result<bool> recorded = false;
    const auto got = parts_.client.get(run.path, [&](const Json& json) {
        const auto status = run.read(json);
        recorded = status ? Result<bool>(is_recorded_in(*status, job_uid)) : base::fail(status.error());
    });
    if (!got && got.error().code == ErrorCode::kNotFound) return false;
    if (!got) return base::fail(got.error());
    return recorded;
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
    const auto path = job_path(run.owner.meta, attempt->job);
    if (step.open_job == run::RunStep::OpenJob::kRemove) return parts_.client.remove(path, attempt->job_uid);
    // Hold the locks before the Job can have a pod.
    parts_.locks.belongs_to(holder_of(run.owner), attempt->job_uid, gathered.locks);
    const Json let_go = Json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", attempt->job_uid}},
                                     {{"op", "replace"}, {"path", "/spec/suspend"}, {"value", false}}});
    const auto done = parts_.client.json_patch(path, let_go.dump());
    if (done) {
        telemetry::info("started an attempt", {{"kind", run.owner.kind},
                                               {"object", run.owner.meta.key()},
                                               {"job", attempt->job},
                                               {"jobUID", attempt->job_uid}});
        return {};
    }
    const auto code = done.error().code;
    // Another Job has the name, or none: the next look sees that the recorded one is gone, and ends the attempt.
    if (code == ErrorCode::kNotFound || code == ErrorCode::kConflict) return {};
    return base::fail(done.error());
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
            N4B_TRY(const bool recorded, is_recorded(run, job->meta.uid));
            if (recorded) continue;
        }
        N4B_TRY_VOID(parts_.client.remove(job_path(run.owner.meta, job->meta.name), job->meta.uid));
    }
    parts_.locks.settle(holder_of(run.owner), over);
    late_.forget(over);
    return requeue;
}

/// Deletes pods that only a foreign container keeps alive while somebody waits for what they hold.
void RunDriver::relieve(const Run& run, const run::RunStatus& status) {
    if (!parts_.locks.is_awaited(run.owner.meta.uid)) return;
    for (const auto& attempt : status.attempts) {
        if (!attempt.ended) continue;
        for (const auto& pod : parts_.workload.pods_of(attempt.job_uid)) {
            if (!pod->alive() || !pod->runner || !pod->runner->terminated || pod->meta.deleted) continue;
            const auto path = object_path("/api/v1", run.owner.meta, "pods", pod->meta.name);
            const auto removed = parts_.client.remove(path, pod->meta.uid);
            telemetry::info("removed a pod whose runner has ended, since another run waits for its volume",
                            {{"pod", pod->meta.key()}, {"error", removed ? "" : removed.error().message}});
        }
    }
}

void RunDriver::tell_held_up(const Run& run, const base::Error& error) {
    if (error.code == ErrorCode::kCancelled || error.code == ErrorCode::kConflict) return;
    run::RunStep step{.status = run.status, .verdict = run::held_up(error.message)};
    // What is written wakes the run at once: a text that always differs would undo the wait between two tries.
    if (run.before.reason == step.verdict.reason &&
        without_numbers(run.before.message) == without_numbers(step.verdict.message)) {
        return;
    }
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
