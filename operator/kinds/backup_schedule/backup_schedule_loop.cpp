#include "operator/kinds/backup_schedule/backup_schedule_loop.hpp"

#include "operator/kinds/backup_schedule/backup_schedule_controller.hpp"
#include "operator/kinds/backup_schedule/backup_schedule_metrics.hpp"
#include "operator/kinds/unreadable.hpp"

namespace n4b::backup_schedule {

std::unique_ptr<kinds::KindLoop<BackupSchedule>> make_backup_schedule_loop(const kinds::Environment& environment,
                                                                           const Neighbours& neighbours) {
    auto& [backups, chains, sources, storages] = neighbours;
    auto loop =
        std::make_unique<kinds::KindLoop<BackupSchedule>>(kube::Kind<BackupSchedule>{.name = "Neo4jBackupSchedule",
                                                                                     .api = api::api_path(),
                                                                                     .plural = "neo4jbackupschedules",
                                                                                     .limits = kinds::kOwnLimits,
                                                                                     .parse = &parse_schedule},
                                                          environment.metrics);
    auto made = std::make_shared<BackupsOfSchedules>();
    auto& schedules = *loop;
    backups.on_change([made, &schedules](const auto& key, const auto& before, const auto& after) {
        if (const auto schedule = made->learn(key, before, after); !schedule.empty()) schedules.look_at(schedule);
    });
    chains.on_change([&schedules](const auto&, const auto& before, const auto& after) {
        const auto& chain = after ? *after : *before;
        for (const auto& schedule : schedules.store().all()) {
            const bool same = schedule->meta.object_namespace == chain.meta.object_namespace &&
                              schedule->spec.storage == chain.spec.storage;
            if (same) schedules.look_at(schedule->meta.key());
        }
    });
    const auto wake = [&schedules](std::string ScheduleSpec::*member) {
        return [&schedules, member](const std::string& key, const auto&, const auto&) {
            for (const auto& schedule : schedules.store().all())
                if (schedule->meta.object_namespace + "/" + schedule->spec.*member == key)
                    schedules.look_at(schedule->meta.key());
        };
    };
    sources.on_change(wake(&ScheduleSpec::source));
    storages.on_change(wake(&ScheduleSpec::storage));
    auto controller =
        std::make_shared<BackupScheduleController>(BackupScheduleController::Stores{.schedules = loop->store(),
                                                                                    .sources = sources.store(),
                                                                                    .storages = storages.store(),
                                                                                    .chains = chains.store(),
                                                                                    .backups = *made},
                                                   environment);
    loop->reconcile_with(
        [controller, made](const auto& key, const auto& stop) { return controller->reconcile(key, stop); },
        environment.workers);
    environment.metrics.add_collector([&schedules] { return telemetry::grouped(gauges_of(schedules.store())); });
    loop->on_unreadable(kinds::tell_unreadable(environment, loop->kind()));
    return loop;
}

}  // namespace n4b::backup_schedule
