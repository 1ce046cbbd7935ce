#include "operator/kinds/storage/storage_loop.hpp"

#include "operator/kinds/storage/storage_controller.hpp"
#include "operator/kinds/storage/storage_metrics.hpp"
#include "operator/kinds/unreadable.hpp"

namespace n4b::storage {

std::unique_ptr<kinds::KindLoop<Storage>> make_storage_loop(const kinds::Environment& environment) {
    auto loop = std::make_unique<kinds::KindLoop<Storage>>(kube::Kind<Storage>{.name = "Neo4jBackupStorage",
                                                                               .api = api::api_path(),
                                                                               .plural = "neo4jbackupstorages",
                                                                               .limits = kinds::kOwnLimits,
                                                                               .parse = &parse_storage},
                                                           environment.metrics);
    environment.catalogue.look_with([&storages = *loop](const auto& key) { storages.look_at(key); });
    auto controller = std::make_shared<StorageController>(loop->store(), environment);
    loop->reconcile_with([controller](const auto& key, const auto& stop) { return controller->reconcile(key, stop); },
                         environment.workers);
    environment.metrics.add_collector([&storages = loop->store()] { return telemetry::grouped(gauges_of(storages)); });
    loop->on_unreadable(kinds::tell_unreadable(environment, loop->kind()));
    return loop;
}

}  // namespace n4b::storage
