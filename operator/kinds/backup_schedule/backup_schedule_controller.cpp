#include "operator/kinds/backup_schedule/backup_schedule_controller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "operator/api/reasons.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::backup_schedule {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using jobs::Requeue;

constexpr char kKind[] = "Neo4jBackupSchedule";
constexpr char kPlural[] = "neo4jbackupschedules";
/// The object changed, and the change has not come yet.
constexpr std::chrono::seconds kBehind{1};

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, kPlural, meta.name);
}

kube::EventTarget target_of(const api::Meta& meta) {
    return {.kind = kKind,
            .api_version = api::api_version(),
            .object_namespace = meta.object_namespace,
            .name = meta.name,
            .uid = meta.uid};
}

}  // namespace

std::optional<base::SystemTime> BackupScheduleController::current_at(const BackupSchedule& schedule) const {
    const auto& ns = schedule.meta.object_namespace;
    const auto source = stores_.sources.get(ns + "/" + schedule.spec.source);
    if (!source) return schedule.status.current_at;
    const auto& database = schedule.spec.database.empty() ? source->spec.database : schedule.spec.database;
    std::optional<base::SystemTime> latest;
    for (const auto& chain : stores_.chains.all()) {
        const bool counts = chain->meta.object_namespace == ns && chain->spec.storage == schedule.spec.storage &&
                            chain->spec.source == source->identity() && chain->spec.database == database;
        const auto& current = chain->status.record.current_at;
        // What was found damaged since holds nothing for certain.
        const bool sound = chain->status.record.reason == Reason::kCompleted;
        if (counts && sound && current) latest = std::max(latest.value_or(*current), *current);
    }
    return latest;
}

Result<void> BackupScheduleController::make(const BackupSchedule& schedule, const NewBackup& backup) {
    const auto made = environment_.client.create(
        kube::collection_path(api::api_path(), schedule.meta.object_namespace, "neo4jbackups"),
        backup_json(schedule, backup), [](const auto&) {});
    // Whoever decided the same before made it, and so nothing is left to do.
    if (!made && made.error().code == ErrorCode::kAlreadyExists) return {};
    if (!made) return base::fail(made.error());
    telemetry::info("a schedule made a backup", {{"schedule", schedule.meta.key()}, {"backup", backup.name}});
    return {};
}

Result<kube::StatusWrite> BackupScheduleController::show(const BackupSchedule& schedule, const ScheduleStatus& status) {
    if (status == schedule.status) return kube::StatusWrite::kEqual;
    return kube::write_status(
        environment_.client,
        {.path = path_of(schedule.meta), .resource_version = schedule.meta.resource_version, .uid = schedule.meta.uid},
        status_json(schedule.status), status_json(status), conditions_json(status));
}

Result<Requeue> BackupScheduleController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto schedule = stores_.schedules.get(key);
    environment_.locks.sweep(kKind, key, schedule ? schedule->meta.uid : std::string());
    if (!schedule || schedule->meta.deleted) return Requeue{};
    const auto now = environment_.clock.system_now();
    const auto decision = decide(
        {.schedule = *schedule, .backups = stores_.backups.of(key), .current_at = current_at(*schedule), .now = now});
    for (const auto& backup : decision.backups) {
        const auto made = make(*schedule, backup);
        if (made) continue;
        const auto why = fmt::format("the backup {} can't be made yet: {}", backup.name, made.error().message);
        environment_.events.record(
            target_of(schedule->meta),
            {.warning = true, .reason = std::string(to_string(Reason::kRunMissed)), .note = why, .action = "Schedule"});
        // The error of the backup is told whatever becomes of the status.
        (void)show(*schedule, status_without_backups(decision, *schedule, backup.name, made.error().message, now));
        // A removal that nobody wants any more is ended all the same.
        (void)retention_.look_at(*schedule, stop);
        return base::fail(made.error().wrap("make the backup " + backup.name));
    }
    N4B_TRY(const auto written, show(*schedule, decision.status));
    if (written == kube::StatusWrite::kConflict) return Requeue{kBehind};
    for (const auto& event : decision.events)
        environment_.events.record(
            target_of(schedule->meta),
            {.warning = event.warning, .reason = event.reason, .note = event.note, .action = "Schedule"});
    // What was written comes back at once, and is looked at then.
    if (written == kube::StatusWrite::kWritten) return decision.requeue;
    N4B_TRY(const auto requeue, retention_.look_at(*schedule, stop));
    if (!requeue || !decision.requeue) return requeue ? requeue : decision.requeue;
    return std::min(*requeue, *decision.requeue);
}

}  // namespace n4b::backup_schedule
