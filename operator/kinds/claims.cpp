#include "operator/kinds/claims.hpp"

#include <algorithm>
#include <utility>

#include "operator/jobs/workload.hpp"

namespace n4b::kinds {

using base::ErrorCode;
using base::Result;

namespace {

/// Pods that have not ended, a few hundred at a time.
constexpr char kLivingPods[] = "limit=250&fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";

}  // namespace

Result<std::optional<api::Claim>> claim_of(kube::Client& client, const std::string& object_namespace,
                                           const std::string& claim) {
    Result<api::Claim> read = base::fail(ErrorCode::kInternal, "no object");
    const auto path =
        jobs::object_path("/api/v1", {.object_namespace = object_namespace}, "persistentvolumeclaims", claim);
    const auto got = client.get(path, [&](const auto& json) { read = api::parse_claim(json); });
    if (!got && got.error().code == ErrorCode::kNotFound) return std::optional<api::Claim>{};
    if (!got) return base::fail(got.error());
    if (!read) return base::fail(read.error());
    return std::optional(std::move(*read));
}

Result<std::optional<std::string>> user_of(kube::Client& client, const ClaimUse& use) {
    const auto path = kube::collection_path("/api/v1", use.object_namespace, "pods");
    std::optional<std::string> user;
    std::string query = kLivingPods;
    while (!user) {
        N4B_TRY(const auto page, client.list(path, query, [&](const auto& json) {
            const auto pod = api::parse_pod_claims(json);
            if (!pod || !pod->alive || (!use.but.empty() && pod->meta.owner_uid == use.but)) return;
            const bool uses = std::find(pod->claims.begin(), pod->claims.end(), use.claim) != pod->claims.end();
            if (uses) user = pod->meta.name;
        }));
        if (page.continue_token.empty()) break;
        query = std::string(kLivingPods) + "&continue=" + page.continue_token;
    }
    return user;
}

}  // namespace n4b::kinds
