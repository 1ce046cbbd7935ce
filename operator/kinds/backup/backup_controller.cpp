#include "operator/kinds/backup/backup_controller.hpp"

#include <algorithm>
#include <utility>

#include "operator/jobs/fresh_object.hpp"
#include "operator/kinds/source/endpoints.hpp"
#include "operator/kube/write_status.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::backup {
namespace {

using base::ErrorCode;
using base::Result;
using jobs::Requeue;

constexpr char kKind[] = "Neo4jBackup";

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, "neo4jbackups", meta.name);
}

Result<std::optional<api::Claim>> claim_of(kube::Client& client, const storage::Storage& storage) {
    Result<api::Claim> claim = base::fail(ErrorCode::kInternal, "no object");
    const auto path = jobs::object_path("/api/v1", storage.meta, "persistentvolumeclaims", storage.spec.claim);
    const auto got = client.get(path, [&](const auto& json) { claim = api::parse_claim(json); });
    if (!got && got.error().code == ErrorCode::kNotFound) return std::optional<api::Claim>{};
    if (!got) return base::fail(got.error());
    if (!claim) return base::fail(claim.error());
    return std::optional(std::move(*claim));
}

std::string result_of(const run::Verdict& verdict) {
    using Outcome = run::Verdict::Outcome;
    if (verdict.outcome == Outcome::kSucceeded) return "Succeeded";
    return verdict.outcome == Outcome::kSkipped ? "Skipped" : "Failed";
}

}  // namespace

Result<Requeue> BackupController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto known = parts_.backups.get(key);
    parts_.locks.sweep(kKind, key, known ? known->meta.uid : std::string());
    if (!known) return refuse(key);
    return jobs::drive_fresh<Backup>(parts_.client, path_of(known->meta), &parse_backup, *known, stop,
                                     [this](const Backup& backup) { return drive(backup); });
}

/// Ends a backup that nobody can read and that has not begun, so that its user sees why in its conditions.
Result<Requeue> BackupController::refuse(const std::string& key) {
    const auto mark = parts_.backups.unreadable(key);
    if (!mark) return Requeue{};
    const auto slash = key.find('/');
    const api::Meta meta{.object_namespace = key.substr(0, slash),
                         .name = key.substr(slash + 1),
                         .uid = mark->uid,
                         .resource_version = mark->resource_version};
    BackupStatus status{.observed_generation = 0};
    run::set_verdict(status.conditions,
                     {.outcome = run::Verdict::Outcome::kFailed, .reason = mark->reason, .message = mark->error},
                     {.now = parts_.clock.system_now()});
    const auto text = conditions_json(status);
    // One that has a verdict already keeps it: the API server refuses another one.
    N4B_TRY_VOID(kube::write_status(parts_.client,
                                    {.path = path_of(meta), .resource_version = meta.resource_version, .uid = meta.uid},
                                    {}, text, text));
    return Requeue{};
}

Result<Requeue> BackupController::drive(const Backup& backup) {
    const auto source = parts_.sources.get(backup.meta.object_namespace + "/" + backup.spec.source);
    const auto finish = [&](run::RunStep& step, const run::Preparation* prepared) -> jobs::StatusTexts {
        const auto status = status_after({.backup = backup,
                                          .source = source.get(),
                                          .prepared = prepared,
                                          .runner_image = parts_.config.image,
                                          .now = parts_.clock.system_now()},
                                         step);
        return {.whole = status_json(status), .conditions = conditions_json(status)};
    };
    N4B_TRY(const auto requeue,
            parts_.driver.drive({.owner = owner_of(backup),
                                 .status = backup.status.run,
                                 .before = verdict_of(backup.status),
                                 .path = path_of(backup.meta),
                                 .source = backup.meta.object_namespace + "/" + backup.spec.source,
                                 .locks = first_locks(backup, source.get()),
                                 .status_before = status_json(backup.status),
                                 .prepare = [&](const auto& start) { return prepare(backup, start); },
                                 .finish = finish,
                                 .ended = [&](const auto& verdict) { tell_end(backup, verdict); },
                                 .read = [](const auto& json) -> Result<run::RunStatus> {
                                     N4B_TRY(const auto live, parse_backup(json));
                                     return live.status.run;
                                 }}));
    return expire(backup, requeue);
}

void BackupController::tell_end(const Backup& backup, const run::Verdict& verdict) {
    parts_.metrics.run_finished(kKind, result_of(verdict), verdict.reason);
    telemetry::info("a backup ended", {{"backup", backup.meta.key()},
                                       {"reason", std::string(to_string(verdict.reason))},
                                       {"detail", verdict.message}});
}

Result<run::Preparation> BackupController::prepare(const Backup& backup, const run::StartAttempt& start) {
    const auto& ns = backup.meta.object_namespace;
    const auto source = parts_.sources.get(ns + "/" + backup.spec.source);
    const auto storage = parts_.storages.get(ns + "/" + backup.spec.storage);
    References refs{.source = source.get(), .storage = storage.get()};
    if (storage && !storage->spec.s3) {
        N4B_TRY(refs.claim, claim_of(parts_.client, *storage));
    }
    if (auto closed = closed_gate(backup, refs)) return run::Preparation{.hindrance = std::move(closed)};
    if (!start.look_up) {
        N4B_TRY(refs.endpoints, source::endpoints_of(parts_.client, *source));
        if (auto closed = closed_endpoints(refs)) return run::Preparation{.hindrance = std::move(closed)};
    }
    return backup::prepare(backup, refs, parts_.config, start);
}

/// Deletes the object of a finished run when its time is over. What it stored stays.
Result<Requeue> BackupController::expire(const Backup& backup, Requeue requeue) {
    if (!backup.spec.ttl || !backup.status.run.completed || backup.meta.deleted) return requeue;
    const auto left = *backup.status.run.completed + *backup.spec.ttl - parts_.clock.system_now();
    if (left > std::chrono::milliseconds(0)) return requeue ? std::min(*requeue, left) : left;
    N4B_TRY_VOID(parts_.client.remove(path_of(backup.meta), backup.meta.uid));
    return Requeue{};
}

}  // namespace n4b::backup
