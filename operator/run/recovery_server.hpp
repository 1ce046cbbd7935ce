#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operator/api/pod_profile.hpp"

namespace n4b::run {

/// A server of Neo4j's that runs once on the database that the runner of the same pod has restored, and recovers it
/// while it starts. The paths are below the root of the volume.
struct RecoveryServer {
    std::string image{};
    api::Resources resources{};  ///< Complete: nothing is merged into them any more.
    std::string database{};
    std::string volume{};  ///< The name of the pod's volume that holds the database.
    std::string path{};
    std::string log_path{};  ///< Of the transaction log; empty: the same.
    bool operator==(const RecoveryServer&) const = default;
};

/// How long Kubernetes lets a server stop that is to end before its work is done. A server that is killed leaves
/// nothing worse than what it found: a database that needs recovery.
inline constexpr auto kServerGrace = std::chrono::minutes(10);

/// The resources of a server: what an administrator gives, put over defaults that recover a database of some gigabytes.
api::Resources server_resources(const api::Resources& given);

/// The pod's container. It has the database mounted and a directory of its own to write to, and nothing else of what
/// the runner has.
nlohmann::json server_container(const RecoveryServer& server);

/// The volume that the server writes everything into but the database.
nlohmann::json server_scratch();

}  // namespace n4b::run
