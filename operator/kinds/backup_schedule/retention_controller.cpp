#include "operator/kinds/backup_schedule/retention_controller.hpp"

#include <algorithm>

#include "operator/jobs/fresh_object.hpp"
#include "operator/kinds/claims.hpp"
#include "operator/kube/write_status.hpp"
#include "operator/run/locks.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Result;
using jobs::Requeue;
using std::chrono::milliseconds;

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, "neo4jbackupschedules", meta.name);
}

}  // namespace

Result<Requeue> RetentionController::look_at(const BackupSchedule& known, const std::stop_token& stop) {
    const bool concerned = known.spec.keep || known.status.retention.step != RetentionStep::kNone;
    if (!concerned) return Requeue{};
    return jobs::drive_fresh<BackupSchedule>(environment_.client, path_of(known.meta), &parse_schedule, known, stop,
                                             [this](const BackupSchedule& schedule) { return look_at(schedule); });
}

Result<Requeue> RetentionController::look_at(const BackupSchedule& schedule) {
    const auto& retention = schedule.status.retention;
    tell_what_went(schedule);
    const bool begun = retention.step != RetentionStep::kNone;
    if (begun && !retention.run.finished()) return drive(schedule, schedule.status);
    if (is_forgotten(schedule)) return forget(schedule);
    const auto due = due_retention(schedule, last_successes(stores_.backups.of(schedule.meta.key())),
                                   environment_.clock.system_now());
    if (due && due->left == milliseconds(0)) return drive(schedule, begun_retention(schedule, due->step));
    if (!begun) return Requeue{};
    // The Jobs of the last run are removed when their time is over.
    N4B_TRY(const auto requeue, drive(schedule, schedule.status));
    if (!due) return requeue;
    return requeue ? std::min(*requeue, due->left) : due->left;
}

/// The objects of chains that went stay until the storage is looked at. An operator that is new learns of them here,
/// too.
void RetentionController::tell_what_went(const BackupSchedule& schedule) {
    const auto& retention = schedule.status.retention;
    if (!retention.removed || !retention.result || retention.result->bytes == 0) return;
    const auto storage = stores_.storages.get(schedule.meta.object_namespace + "/" + schedule.spec.storage);
    if (!storage) return;
    const auto& catalogue = storage->status.catalogue;
    if (catalogue && catalogue->time > *retention.removed) return;
    environment_.catalogue.outdate(storage->meta.key(), *retention.removed);
}

Result<Requeue> RetentionController::forget(const BackupSchedule& schedule) {
    N4B_TRY(const auto requeue, drive(schedule, schedule.status));
    // A Job that is still to be looked at is told of by the attempts in status.
    if (requeue) return requeue;
    const auto status = without_retention(schedule.status);
    N4B_TRY(const auto written,
            kube::write_status(environment_.client,
                               {.path = path_of(schedule.meta),
                                .resource_version = schedule.meta.resource_version,
                                .uid = schedule.meta.uid},
                               status_json(schedule.status), status_json(status), conditions_json(status)));
    if (written == kube::StatusWrite::kConflict)
        return base::fail(base::ErrorCode::kConflict, "the schedule changed while its retention was forgotten");
    return Requeue{};
}

Result<run::Preparation> RetentionController::prepare(const BackupSchedule& schedule) {
    const auto& ns = schedule.meta.object_namespace;
    const auto source = stores_.sources.get(ns + "/" + schedule.spec.source);
    const auto storage = stores_.storages.get(ns + "/" + schedule.spec.storage);
    RetentionReferences refs{.source = source.get(), .storage = storage.get()};
    if (storage && !storage->spec.s3) {
        N4B_TRY(refs.claim, kinds::claim_of(environment_.client, ns, storage->spec.claim));
    }
    return prepare_retention(schedule, refs, environment_.config);
}

Result<Requeue> RetentionController::drive(const BackupSchedule& schedule, const ScheduleStatus& begun) {
    BackupSchedule current = schedule;
    current.status = begun;
    const auto finish = [&](run::RunStep& step, const run::Preparation*) -> jobs::StatusTexts {
        const auto status = status_after_retention(current, step, environment_.clock.system_now());
        return {.whole = status_json(status), .conditions = conditions_json(status)};
    };
    return environment_.driver.drive(
        {.owner = retention_owner(current),
         .status = begun.retention.run,
         .before = retention_verdict(current),
         .path = path_of(schedule.meta),
         .locks = {run::retention_lock(schedule.meta.object_namespace, schedule.meta.name)},
         .status_before = status_json(schedule.status),
         .prepare = [&](const run::StartAttempt&) { return prepare(current); },
         .finish = finish,
         .read = [](const auto& json) -> Result<run::RunStatus> {
             N4B_TRY(const auto live, parse_schedule(json));
             return live.status.retention.run;
         }});
}

}  // namespace n4b::backup_schedule
