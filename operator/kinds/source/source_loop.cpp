#include "operator/kinds/source/source_loop.hpp"

namespace n4b::source {

std::unique_ptr<kinds::KindLoop<Source>> make_source_loop(const kinds::Environment& environment) {
    return std::make_unique<kinds::KindLoop<Source>>(kube::Kind<Source>{.name = "Neo4jBackupSource",
                                                                        .api = api::api_path(),
                                                                        .plural = "neo4jbackupsources",
                                                                        .parse = &parse_source},
                                                     environment.metrics);
}

}  // namespace n4b::source
