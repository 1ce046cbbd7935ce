#include "operator/kinds/restore/restore_loop.hpp"

#include "operator/kinds/restore/restore_controller.hpp"
#include "operator/kinds/unreadable.hpp"
#include "operator/kinds/wake_waiting.hpp"

namespace n4b::restore {

std::unique_ptr<kinds::KindLoop<Restore>> make_restore_loop(const kinds::Environment& environment,
                                                            kinds::KindLoop<backup::Backup>& backups,
                                                            kinds::KindLoop<source::Source>& sources,
                                                            kinds::KindLoop<storage::Storage>& storages) {
    auto loop = std::make_unique<kinds::KindLoop<Restore>>(kube::Kind<Restore>{.name = "Neo4jRestore",
                                                                               .api = api::api_path(),
                                                                               .plural = "neo4jrestores",
                                                                               .limits = kinds::kOwnLimits,
                                                                               .parse = &parse_restore},
                                                           environment.metrics);
    auto controller = std::make_shared<RestoreController>(RestoreController::Stores{.restores = loop->store(),
                                                                                    .backups = backups.store(),
                                                                                    .sources = sources.store(),
                                                                                    .storages = storages.store()},
                                                          environment);
    loop->reconcile_with([controller](const auto& key, const auto& stop) { return controller->reconcile(key, stop); },
                         environment.workers);
    auto& restores = *loop;
    loop->on_unreadable([&restores, tell = kinds::tell_unreadable(environment, loop->kind())](const auto& object) {
        tell(object);
        restores.look_at(object.key);
    });
    kinds::wake_waiting(restores, backups, &RestoreSpec::backup);
    kinds::wake_waiting(restores, storages, &RestoreSpec::storage);
    return loop;
}

}  // namespace n4b::restore
