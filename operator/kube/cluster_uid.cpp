#include "operator/kube/cluster_uid.hpp"

#include "common/base/json_object.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;
using base::JsonObject;
using base::Result;

Result<std::string> read_uid(const nlohmann::json& json) {
    JsonObject object(json, "");
    std::string uid;
    object.object("metadata", [&](JsonObject& metadata) { uid = metadata.required<std::string>("uid"); });
    N4B_TRY_VOID(object.finish());
    return uid;
}

}  // namespace

Result<std::string> cluster_uid(Client& client) {
    Result<std::string> uid = std::string();
    const auto got = client.get("/api/v1/namespaces/kube-system", [&](const auto& json) { uid = read_uid(json); });
    if (got) return uid;
    if (got.error().code != ErrorCode::kPermissionDenied && got.error().code != ErrorCode::kNotFound) {
        return base::fail(got.error());
    }
    telemetry::warn(
        "the cluster's identity is not known, so in a storage that clusters share, equal namespaces of theirs count as "
        "one; where that matters, name the cluster (--cluster-id, the chart's clusterId) or let the operator get the "
        "namespace kube-system",
        {{"error", got.error().message}});
    return std::string();
}

}  // namespace n4b::kube
