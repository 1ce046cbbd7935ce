#include "operator/controllers/storage_controller.hpp"

#include "operator/plan/storage_plan.hpp"

namespace n4b::controllers {
namespace {

using base::ErrorCode;

constexpr std::chrono::milliseconds kRecheckReady = std::chrono::minutes(2);
constexpr std::chrono::milliseconds kRecheckNotReady = std::chrono::seconds(10);

}  // namespace

base::Result<std::optional<std::chrono::milliseconds>> StorageController::reconcile(const std::string& key) {
    const auto storage = world_.storages.get(key);
    if (!storage || storage->meta.deleted) return std::nullopt;
    const std::string& object_namespace = storage->meta.object_namespace;
    plan::ClaimInputs claim;
    base::Result<std::string> phase = std::string();
    const auto path =
        kube::collection_path("/api/v1", object_namespace, "persistentvolumeclaims") + "/" + storage->claim;
    const auto got = client_.get(path, [&](const auto& json) { phase = api::parse_claim_phase(json); });
    if (!got && got.error().code != ErrorCode::kNotFound) return base::fail(got.error());
    if (!phase) return base::fail(phase.error());
    if (got) claim.phase = *phase;
    if (got && *phase == "Pending") {
        N4B_TRY_VOID(
            client_.list(kube::collection_path("/api/v1", object_namespace, "events"),
                         "limit=100&fieldSelector=involvedObject.kind%3DPersistentVolumeClaim,involvedObject.name%3D" +
                             storage->claim,
                         [&](const auto& json) {
                             if (auto event = api::parse_event(json)) claim.events.push_back(std::move(*event));
                         }));
    }
    auto conditions = storage->conditions;
    const auto ready = plan::storage_ready(*storage, claim, clock_.system_now());
    api::set_condition(conditions, ready);
    if (conditions != storage->conditions || storage->observed_generation != storage->meta.generation) {
        const auto status =
            kube::collection_path("/apis/neo4jbackup.dev/v1alpha1", object_namespace, "neo4jbackupstorages") + "/" +
            storage->meta.name + "/status";
        const auto done =
            client_.merge_patch(status, api::status_patch(storage->meta, storage->meta.generation, conditions));
        if (!done && done.error().code == ErrorCode::kConflict) return std::chrono::seconds(1);
        if (!done && done.error().code != ErrorCode::kNotFound) return base::fail(done.error());
    }
    return ready.status == "True" ? kRecheckReady : kRecheckNotReady;
}

}  // namespace n4b::controllers
