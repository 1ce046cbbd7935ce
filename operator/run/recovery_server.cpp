#include "operator/run/recovery_server.hpp"

#include "common/base/json_object.hpp"
#include "operator/api/names.hpp"
#include "operator/run/container_security.hpp"
#include "operator/run/recover_script.hpp"

namespace n4b::run {
namespace {

using base::Json;

constexpr char kScratchVolume[] = "server-scratch";
constexpr char kScratch[] = "/scratch";
constexpr char kDatabases[] = "/scratch/data/databases";
constexpr char kTransactionLog[] = "/scratch/transaction-log";

/// A server of 2 GiB has a heap of 1 GiB (recover.sh), more than Neo4j 3.x takes by itself on a small machine. The
/// request is smaller, since recovery takes minutes and is to find a node.
const api::Resources& default_resources() {
    static const api::Resources resources{.requests = {{"cpu", "100m"}, {"memory", "1Gi"}},
                                          .limits = {{"memory", "2Gi"}}};
    return resources;
}

Json scratch_mount(const std::string& path, const char* sub_path) {
    Json mount{{"name", kScratchVolume}, {"mountPath", path}};
    if (sub_path != nullptr) mount["subPath"] = sub_path;
    return mount;
}

Json mounts_of(const RecoveryServer& server) {
    // The container runtime makes the directories that volumes are mounted on, and makes them root's. So data and
    // databases, beside the database in which a server writes, are mounted as well, and the server can write there.
    Json mounts = Json::array({scratch_mount(kScratch, nullptr), scratch_mount("/scratch/data", "server-data"),
                               scratch_mount(kDatabases, "server-databases"), scratch_mount("/tmp", "server-tmp")});
    mounts.push_back({{"name", server.volume},
                      {"mountPath", std::string(kDatabases) + "/" + server.database},
                      {"subPath", server.path}});
    if (!server.log_path.empty()) {
        mounts.push_back({{"name", server.volume}, {"mountPath", kTransactionLog}, {"subPath", server.log_path}});
    }
    return mounts;
}

Json environment_of(const RecoveryServer& server) {
    return Json::array(
        {{{"name", "N4B_SCRATCH"}, {"value", kScratch}},
         {{"name", "N4B_DATABASE"}, {"value", server.database}},
         {{"name", "N4B_TX_LOG"}, {"value", server.log_path.empty() ? "" : kTransactionLog}},
         {{"name", "N4B_MEMORY"},
          {"valueFrom",
           {{"resourceFieldRef", {{"containerName", api::kServerContainer}, {"resource", "limits.memory"}}}}}},
         // Only an administrator who accepts the licence makes the pod get this far.
         {{"name", "NEO4J_ACCEPT_LICENSE_AGREEMENT"}, {"value", "yes"}}});
}

}  // namespace

api::Resources server_resources(const api::Resources& given) {
    return api::merged(default_resources(), given);
}

Json server_container(const RecoveryServer& server) {
    return {{"name", api::kServerContainer},
            {"image", server.image},
            {"imagePullPolicy", "IfNotPresent"},
            {"command", Json::array({"bash", "-c", kRecoverScript})},
            {"env", environment_of(server)},
            {"resources", api::resources_json(server.resources)},
            // A server that the kernel killed has written no message, and then its log tells.
            {"terminationMessagePolicy", "FallbackToLogsOnError"},
            {"securityContext", container_security()},
            {"volumeMounts", mounts_of(server)}};
}

Json server_scratch() {
    return {{"name", kScratchVolume}, {"emptyDir", Json::object()}};
}

}  // namespace n4b::run
