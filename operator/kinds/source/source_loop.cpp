#include "operator/kinds/source/source_loop.hpp"

#include "operator/kinds/source/source_controller.hpp"
#include "operator/kinds/unreadable.hpp"

namespace n4b::source {

std::unique_ptr<kinds::KindLoop<Source>> make_source_loop(const kinds::Environment& environment) {
    auto loop = std::make_unique<kinds::KindLoop<Source>>(kube::Kind<Source>{.name = "Neo4jBackupSource",
                                                                             .api = api::api_path(),
                                                                             .plural = "neo4jbackupsources",
                                                                             .limits = kinds::kOwnLimits,
                                                                             .parse = &parse_source},
                                                          environment.metrics);
    auto controller = std::make_shared<SourceController>(loop->store(), environment);
    loop->reconcile_with([controller](const auto& key, const auto& stop) { return controller->reconcile(key, stop); },
                         environment.workers);
    loop->on_unreadable(kinds::tell_unreadable(environment, loop->kind()));
    auto& sources = *loop;
    environment.driver.on_report([controller, &sources](const auto& key, const auto& report) {
        controller->hear(key, report);
        sources.look_at(key);
    });
    return loop;
}

}  // namespace n4b::source
