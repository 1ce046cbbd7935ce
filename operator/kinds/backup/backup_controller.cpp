#include "operator/kinds/backup/backup_controller.hpp"

#include <utility>

#include "operator/jobs/fresh_object.hpp"
#include "operator/kinds/claims.hpp"
#include "operator/kinds/one_run.hpp"
#include "operator/kinds/source/endpoints.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::backup {
namespace {

using base::Result;
using jobs::Requeue;

constexpr char kKind[] = "Neo4jBackup";
constexpr char kPlural[] = "neo4jbackups";

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, kPlural, meta.name);
}

}  // namespace

Result<Requeue> BackupController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto known = parts_.backups.get(key);
    parts_.locks.sweep(kKind, key, known ? known->meta.uid : std::string());
    if (!known) {
        const auto mark = parts_.backups.unreadable(key);
        if (mark) N4B_TRY_VOID(kinds::refuse(parts_.client, parts_.clock, kPlural, *mark));
        return Requeue{};
    }
    return jobs::drive_fresh<Backup>(parts_.client, path_of(known->meta), &parse_backup, *known, stop,
                                     [this](const Backup& backup) { return drive(backup); });
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
        return {.whole = status_json(status),
                .conditions = run::conditions_json(status.observed_generation, status.conditions)};
    };
    N4B_TRY(const auto requeue,
            parts_.driver.drive({.owner = owner_of(backup),
                                 .status = backup.status.run,
                                 .before = run::verdict_of(backup.status.conditions),
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
    return kinds::expire(parts_.client, parts_.clock,
                         {.meta = backup.meta,
                          .path = path_of(backup.meta),
                          .completed = backup.status.run.completed,
                          .ttl = backup.spec.ttl},
                         requeue);
}

void BackupController::tell_end(const Backup& backup, const run::Verdict& verdict) {
    parts_.metrics.run_finished(kKind, kinds::result_of(verdict), verdict.reason);
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
        N4B_TRY(refs.claim, kinds::claim_of(parts_.client, ns, storage->spec.claim));
    }
    if (auto closed = closed_gate(backup, refs)) return run::Preparation{.hindrance = std::move(closed)};
    if (!start.look_up) {
        N4B_TRY(refs.endpoints, source::endpoints_of(parts_.client, *source));
        if (auto closed = closed_endpoints(refs)) return run::Preparation{.hindrance = std::move(closed)};
    }
    return backup::prepare(backup, refs, parts_.config, start);
}

}  // namespace n4b::backup
