#include "operator/controllers/backup_controller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <thread>
#include <utility>

#include "operator/controllers/backup_witnesses.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::controllers {
namespace {

using base::ErrorCode;
using base::Result;
using std::chrono::milliseconds;

constexpr char kOurs[] = "/apis/neo4jbackup.dev/v1alpha1";
// client-go's DefaultBackoff for conflicts: 10 ms, times 5, four steps.
constexpr std::array kConflictWaits{milliseconds(10), milliseconds(50), milliseconds(250)};

std::string object_path(const std::string& api, const api::Meta& meta, const std::string& plural,
                        const std::string& name) {
    return kube::collection_path(api, meta.object_namespace, plural) + "/" + name;
}

std::string group_of(const api::Backup& backup) {
    return backup.meta.object_namespace + "/" + backup.spec.source + "/" + backup.spec.database;
}

kube::EventTarget target_of(const api::Meta& meta) {
    return {.kind = "Neo4jBackup",
            .api_version = api::kApiVersion,
            .object_namespace = meta.object_namespace,
            .name = meta.name,
            .uid = meta.uid};
}

bool under_way(const api::Backup& backup) {
    return !backup.finished() && !backup.meta.deleted && !backup.status.attempts.empty();
}

/// The text without hex digits: a server's message may hold a port, an address or an id that differs each time.
std::string without_numbers(std::string text) {
    std::erase_if(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
    return text;
}

}  // namespace

struct BackupController::Gathered {
    base::SystemTime now{};
    std::optional<plan::AttemptState> attempt{};
    plan::Gate gate = plan::Gate::kOpen;
    std::string gate_message{};
    std::optional<plan::StartAttempt> unrecorded{};
    std::shared_ptr<const api::Storage> storage{};
    std::vector<contract::Endpoint> endpoints{};
};

void BackupController::tell_metrics(const api::Backup& backup) {
    if (!backup.succeeded()) return;
    const auto& ns = backup.meta.object_namespace;
    const auto& source = backup.spec.source;
    const auto& status = backup.status;
    auto& metrics = parts_.metrics;
    const std::scoped_lock lock(told_mutex_);
    const auto ended = status.completed.value_or(base::SystemTime::min());
    const auto newest = [&](const std::string& of) {
        auto& told = told_.try_emplace(of, ended).first->second;
        told = std::max(told, ended);
        return told == ended;
    };
    if (!newest(group_of(backup))) return;
    if (status.artifact && status.artifact->recoverable_to) {
        // Commit times are the members' own: one whose clock is ahead must not keep an alert silent.
        const auto time =
            std::min(*status.artifact->recoverable_to, status.completed.value_or(base::SystemTime::max()));
        metrics.recoverable_to(ns, source, backup.spec.database, time);
    }
    if (status.source) {
        metrics.source_lag({.object_namespace = ns, .source = source, .database = backup.spec.database},
                           status.source->lag);
    }
    // Certificates are those of all databases of the source.
    if (!status.tls || !newest(ns + "/" + source)) return;
    if (status.tls->certificate_expires) {
        metrics.certificate_expires(ns, source, "client", *status.tls->certificate_expires);
    }
    if (status.tls->server_certificate_expires) {
        metrics.certificate_expires(ns, source, "server", *status.tls->server_certificate_expires);
    }
}

void BackupController::recover() {
    const auto backups = parts_.world.backups.all();
    std::set<std::string> at_work;  // Uids of those with a Job that runs, recorded or not.
    for (const auto& job : parts_.world.jobs.all()) {
        if (!job->complete && !job->failed) at_work.insert(job->meta.owner_uid);
    }
    for (const auto& backup : backups) {
        const bool works = !backup->finished() && !backup->meta.deleted && at_work.contains(backup->meta.uid);
        if (works || under_way(*backup)) parts_.slots.hold(backup->meta.key(), group_of(*backup));
        tell_metrics(*backup);
    }
    parts_.metrics.runs_held(parts_.slots.held());
}

Result<BackupController::Requeue> BackupController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto known = parts_.world.backups.get(key);
    if (!known) {
        release(key);
        return Requeue{};
    }
    auto result = reconcile_object(*known);
    for (const auto wait : kConflictWaits) {
        if (result || result.error().code != ErrorCode::kConflict || stop.stop_requested()) break;
        std::this_thread::sleep_for(wait);
        // The store is behind: what the API server holds decides.
        Result<api::Backup> live = base::fail(ErrorCode::kInternal, "no object");
        const auto path = object_path(kOurs, known->meta, "neo4jbackups", known->meta.name);
        const auto got = parts_.client.get(path, [&](const auto& json) { live = api::parse_backup(json); });
        if (!got && got.error().code == ErrorCode::kNotFound) return Requeue{};
        if (!got) return base::fail(got.error());
        if (!live) return base::fail(live.error());
        if (live->meta.uid != known->meta.uid) return Requeue{};
        result = reconcile_object(*live);
    }
    if (!result && result.error().code == ErrorCode::kConflict) return Requeue{milliseconds(1000)};
    return result;
}

Result<BackupController::Requeue> BackupController::reconcile_object(const api::Backup& backup) {
    N4B_TRY(const Gathered gathered, gather(backup));
    auto plan = plan::plan_backup({.backup = backup,
                                   .attempt = gathered.attempt,
                                   .gate = gathered.gate,
                                   .gate_message = gathered.gate_message,
                                   .unrecorded = gathered.unrecorded,
                                   .runner_image = parts_.runner.image,
                                   .progress = parts_.progress(backup.meta.key()),
                                   .now = gathered.now});
    N4B_TRY_VOID(apply(backup, gathered, plan));
    return plan.requeue;
}

Result<BackupController::Gathered> BackupController::gather(const api::Backup& backup) {
    Gathered gathered{.now = parts_.clock.system_now()};
    if (backup.finished() || backup.meta.deleted) return gathered;
    // A namespace that could not be listed at first was not there to be recovered.
    if (under_way(backup)) parts_.slots.hold(backup.meta.key(), group_of(backup));
    if (const auto* attempt = plan::open_attempt(backup.status)) {
        N4B_TRY_VOID(gather_attempt(backup, *attempt, gathered));
    } else if ((gathered.unrecorded = unrecorded_job(backup))) {
        parts_.slots.hold(backup.meta.key(), group_of(backup));
    } else if (const auto wanted = plan::wanted_attempt(backup, gathered.now)) {
        const auto done = gather_gate(backup, *wanted, gathered);
        if (!done) return not_started(backup, done.error(), gathered.now);
    }
    return gathered;
}

std::optional<plan::StartAttempt> BackupController::unrecorded_job(const api::Backup& backup) const {
    const auto number = plan::next_number(backup.status);
    const auto job = parts_.world.jobs.get(backup.meta.object_namespace + "/" + plan::job_name(backup.meta, number));
    if (!job || job->meta.owner_uid != backup.meta.uid || job->meta.deleted) return std::nullopt;
    for (const bool look_up : {false, true}) {
        if (job->meta.digest == plan::spec_digest(backup, number, look_up)) {
            return plan::StartAttempt{.number = number, .look_up = look_up};
        }
    }
    return std::nullopt;
}

Result<void> BackupController::gather_attempt(const api::Backup& backup, const api::Attempt& attempt,
                                              Gathered& gathered) {
    Witnesses seen{.job = parts_.world.jobs.get(backup.meta.object_namespace + "/" + attempt.job)};
    auto& [job, pod] = seen;
    if (!job || job->meta.owner_uid != backup.meta.uid) {
        // The store may not have seen the Job yet, so its absence is looked at before it counts.
        job = nullptr;
        Result<api::Job> live = base::fail(ErrorCode::kInternal, "no object");
        const auto got = parts_.client.get(object_path("/apis/batch/v1", backup.meta, "jobs", attempt.job),
                                           [&](const auto& json) { live = api::parse_job(json); });
        if (!got && got.error().code != ErrorCode::kNotFound) return base::fail(got.error());
        if (got && !live) return base::fail(live.error());
        if (got && live->meta.owner_uid == backup.meta.uid) job = std::make_shared<const api::Job>(std::move(*live));
    }
    for (const auto& candidate : parts_.world.pods.all()) {
        if (is_of(*candidate, backup, attempt) && (!pod || candidate->meta.created > pod->meta.created)) {
            pod = candidate;
        }
    }
    gathered.attempt = observe(backup, attempt, seen, gathered.now);
    const bool told = pod && pod->runner && pod->runner->terminated;
    if (told || gathered.attempt->phase != plan::AttemptState::Phase::kEnded) return {};
    // As with the Job: the store may be behind, and with it a report.
    N4B_TRY(pod, live_pod(backup, attempt));
    if (pod) gathered.attempt = observe(backup, attempt, seen, gathered.now);
    return {};
}

Result<void> BackupController::gather_gate(const api::Backup& backup, const plan::StartAttempt& wanted,
                                           Gathered& gathered) {
    const auto close = [&](plan::Gate gate, std::string message) {
        gathered.gate = gate;
        gathered.gate_message = std::move(message);
        release_unstarted(backup);
    };
    gathered.storage = parts_.world.storages.get(backup.meta.object_namespace + "/" + backup.spec.storage);
    if (!gathered.storage) {
        close(plan::Gate::kStorageNotFound,
              fmt::format("no Neo4jBackupStorage \"{}\" in this namespace", backup.spec.storage));
        return {};
    }
    if (const auto blocked = parts_.slots.acquire(backup.meta.key(), group_of(backup))) {
        gathered.gate = plan::Gate::kQueued;
        gathered.gate_message = *blocked;
        return {};
    }
    const auto claim = parts_.client.get(
        object_path("/api/v1", backup.meta, "persistentvolumeclaims", gathered.storage->claim), [](const auto&) {});
    const bool missing = !claim && claim.error().code == ErrorCode::kNotFound;
    if (!claim && !missing && !wanted.look_up) return base::fail(claim.error());
    if (!claim && !missing) {
        // A gate is closed for a while only, an error for ever.
        close(plan::Gate::kClaimNotFound, claim.error().message);
        return {};
    }
    if (missing) {
        close(plan::Gate::kClaimNotFound,
              fmt::format("no PersistentVolumeClaim \"{}\" in this namespace", gathered.storage->claim));
        return {};
    }
    if (wanted.look_up) return {};  // Looks into the storage alone.
    N4B_TRY(gathered.endpoints, endpoints_of(backup));
    if (gathered.endpoints.empty()) {
        close(plan::Gate::kNoEndpoints, fmt::format("Service \"{}\" has no ready address with a port named \"{}\"",
                                                    backup.spec.service->name, backup.spec.service->port));
    }
    return {};
}

Result<void> BackupController::start_job(const api::Backup& backup, const Gathered& gathered, plan::BackupPlan& plan) {
    const auto job = plan::build_job({.backup = backup,
                                      .storage = *gathered.storage,
                                      .config = parts_.runner,
                                      .attempt = plan.start->number,
                                      .look_up = plan.start->look_up,
                                      .endpoints = gathered.endpoints,
                                      .now = gathered.now});
    const std::string& name = plan.status.attempts.back().job;
    auto created =
        parts_.client.create(kube::collection_path("/apis/batch/v1", backup.meta.object_namespace, "jobs"), job);
    if (created) {
        telemetry::info("started an attempt", {{"backup", backup.meta.key()}, {"job", name}});
        return {};
    }
    const auto code = created.error().code;
    const bool late = plan.give_up && gathered.now > *plan.give_up && code != ErrorCode::kAlreadyExists;
    if (code == ErrorCode::kInvalid || code == ErrorCode::kPermissionDenied || late) {
        plan::end_attempt(plan.status, base::Reason::kPodRejected, created.error().message, gathered.now);
        return {};
    }
    if (code != ErrorCode::kAlreadyExists) return created;
    // Ours when an earlier life of the operator made it and could not write that down.
    Result<api::Job> live = base::fail(ErrorCode::kInternal, "no object");
    N4B_TRY_VOID(parts_.client.get(object_path("/apis/batch/v1", backup.meta, "jobs", name),
                                   [&](const auto& json) { live = api::parse_job(json); }));
    if (!live) return base::fail(live.error());
    const auto digest = plan::spec_digest(backup, plan.start->number, plan.start->look_up);
    if (live->meta.owner_uid == backup.meta.uid && live->meta.digest == digest) return {};
    plan::end_attempt(plan.status, base::Reason::kJobConflict, fmt::format("a Job {} exists that is not ours", name),
                      gathered.now);
    return {};
}

Result<void> BackupController::apply(const api::Backup& backup, const Gathered& gathered, plan::BackupPlan& plan) {
    if (plan.start) {
        const auto started = start_job(backup, gathered, plan);
        if (!started) return not_started(backup, started.error(), gathered.now);
    }
    if (plan.status != backup.status) {
        const auto path = object_path(kOurs, backup.meta, "neo4jbackups", backup.meta.name) + "/status";
        N4B_TRY_VOID(parts_.client.merge_patch(path, api::status_patch(backup.meta, plan.status)));
    }
    for (const auto& event : plan.events) {
        parts_.events.record(
            target_of(backup.meta),
            {.warning = event.warning, .reason = event.reason, .note = event.note, .action = event.action});
    }
    api::Backup after = backup;
    after.status = plan.status;
    if (after.finished() && !backup.finished()) {
        const auto* verdict = api::find_condition(after.status.conditions, "Succeeded");
        parts_.metrics.backup_finished(after.succeeded(), verdict->reason);
        telemetry::info("a backup ended", {{"backup", backup.meta.key()},
                                           {"succeeded", verdict->status},
                                           {"reason", verdict->reason},
                                           {"detail", verdict->message}});
    }
    // Whenever one is looked at: the answer to the write that ended it may have been lost.
    if (after.finished()) tell_metrics(after);
    if (after.finished() || backup.meta.deleted) release(backup.meta.key());
    parts_.metrics.runs_held(parts_.slots.held());
    return clean_up(after, plan.cleanup);
}

Result<void> BackupController::clean_up(const api::Backup& backup, plan::JobCleanup cleanup) {
    if (cleanup == plan::JobCleanup::kNone) return {};
    const auto kept = plan::job_to_keep(backup);
    for (const auto& job : parts_.world.jobs.all()) {
        if (job->meta.owner_uid != backup.meta.uid || job->meta.deleted) continue;
        if (job->meta.name == kept) continue;
        if (cleanup == plan::JobCleanup::kUnfinished && (job->complete || job->failed)) continue;
        N4B_TRY_VOID(
            parts_.client.remove(object_path("/apis/batch/v1", backup.meta, "jobs", job->meta.name), job->meta.uid));
    }
    return {};
}

tl::unexpected<base::Error> BackupController::not_started(const api::Backup& backup, const base::Error& error,
                                                          base::SystemTime now) {
    // Otherwise as many backups as may run at once would keep all others from it while their Jobs are refused.
    release_unstarted(backup);
    if (error.code != ErrorCode::kCancelled) tell_hold_up(backup, error, now);
    return base::fail(error);
}

void BackupController::tell_hold_up(const api::Backup& backup, const base::Error& error, base::SystemTime now) {
    auto status = backup.status;
    plan::hold_up(status, backup.meta.generation, error.message, now);
    const auto* before = api::find_condition(backup.status.conditions, "Succeeded");
    const auto* after = api::find_condition(status.conditions, "Succeeded");
    // What is written wakes this backup at once: a text that always differs would undo the wait between two tries.
    if (before != nullptr && before->reason == after->reason &&
        without_numbers(before->message) == without_numbers(after->message)) {
        return;
    }
    const auto path = object_path(kOurs, backup.meta, "neo4jbackups", backup.meta.name) + "/status";
    const auto written = parts_.client.merge_patch(path, api::status_patch(backup.meta, status));
    if (!written) {
        telemetry::debug("can't tell why a backup does not start",
                         {{"backup", backup.meta.key()}, {"error", written.error().message}});
    }
}

void BackupController::release_unstarted(const api::Backup& backup) {
    if (under_way(backup)) return;
    release(backup.meta.key());
    parts_.metrics.runs_held(parts_.slots.held());
}

void BackupController::release(const std::string& key) {
    for (const auto& waiting : parts_.slots.release(key)) parts_.wake(waiting);
}

}  // namespace n4b::controllers
