#include "operator/kinds/backup/backup_loop.hpp"

#include "operator/kinds/backup/backup_controller.hpp"
#include "operator/kinds/backup/backup_metrics.hpp"
#include "operator/kinds/unreadable.hpp"
#include "operator/kinds/wake_waiting.hpp"

namespace n4b::backup {

std::unique_ptr<kinds::KindLoop<Backup>> make_backup_loop(const kinds::Environment& environment,
                                                          kinds::KindLoop<source::Source>& sources,
                                                          kinds::KindLoop<storage::Storage>& storages) {
    auto loop = std::make_unique<kinds::KindLoop<Backup>>(kube::Kind<Backup>{.name = "Neo4jBackup",
                                                                             .api = api::api_path(),
                                                                             .plural = "neo4jbackups",
                                                                             .limits = kinds::kOwnLimits,
                                                                             .parse = &parse_backup},
                                                          environment.metrics);
    auto controller = std::make_shared<BackupController>(BackupController::Parts{.backups = loop->store(),
                                                                                 .sources = sources.store(),
                                                                                 .storages = storages.store(),
                                                                                 .client = environment.client,
                                                                                 .driver = environment.driver,
                                                                                 .locks = environment.locks,
                                                                                 .metrics = environment.metrics,
                                                                                 .clock = environment.clock,
                                                                                 .config = environment.config});
    loop->reconcile_with([controller](const auto& key, const auto& stop) { return controller->reconcile(key, stop); },
                         environment.workers);
    auto& backups = *loop;
    loop->on_unreadable([&backups, tell = kinds::tell_unreadable(environment, loop->kind())](const auto& object) {
        tell(object);
        backups.look_at(object.key);
    });
    kinds::wake_waiting(backups, sources, &BackupSpec::source);
    kinds::wake_waiting(backups, storages, &BackupSpec::storage);
    environment.metrics.add_collector(
        [&backups, &sources] { return telemetry::grouped(gauges_of(backups.store(), sources.store())); });
    return loop;
}

}  // namespace n4b::backup
