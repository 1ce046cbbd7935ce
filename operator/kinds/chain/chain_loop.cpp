#include "operator/kinds/chain/chain_loop.hpp"

#include "operator/kinds/chain/chain_controller.hpp"
#include "operator/kinds/unreadable.hpp"

namespace n4b::chain {

std::unique_ptr<kinds::KindLoop<Chain>> make_chain_loop(const kinds::Environment& environment,
                                                        kinds::KindLoop<backup::Backup>& backups,
                                                        kinds::KindLoop<storage::Storage>& storages) {
    auto loop = std::make_unique<kinds::KindLoop<Chain>>(kube::Kind<Chain>{.name = "Neo4jBackupChain",
                                                                           .api = api::api_path(),
                                                                           .plural = "neo4jbackupchains",
                                                                           .limits = kinds::kOwnLimits,
                                                                           .parse = &parse_chain},
                                                         environment.metrics);
    auto runs = std::make_shared<ChainRuns>();
    auto& chains = *loop;
    backups.on_change([runs, &chains](const auto&, const auto&, const auto& after) {
        if (!after) return;
        if (const auto key = runs->learn(*after); !key.empty()) chains.look_at(key);
    });
    const auto& by_storage = loop->by_owner();
    environment.catalogue.show_with(
        [&chains, &by_storage, &storages, &catalogue = environment.catalogue](const std::string& storage_key) {
            const auto listed = catalogue.of(storage_key);
            const auto storage = storages.store().get(storage_key);
            if (!listed || !storage) return;
            for (const auto& [name, record] : listed->chains) {
                chains.look_at(storage->meta.object_namespace + "/" + name);
            }
            for (const auto& shown : by_storage.owned_by(storage->meta.uid)) chains.look_at(shown->meta.key());
        },
        [&by_storage](const std::string& storage_uid) { return by_storage.owned_by(storage_uid).size(); });
    auto controller = std::make_shared<ChainController>(
        ChainController::Stores{.chains = loop->store(), .storages = storages.store(), .runs = *runs}, environment);
    loop->reconcile_with(
        [controller, runs](const auto& key, const auto& stop) { return controller->reconcile(key, stop); },
        environment.workers);
    loop->on_unreadable(kinds::tell_unreadable(environment, loop->kind()));
    return loop;
}

}  // namespace n4b::chain
