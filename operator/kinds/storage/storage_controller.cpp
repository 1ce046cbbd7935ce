#include "operator/kinds/storage/storage_controller.hpp"

#include "operator/api/workload.hpp"
#include "operator/kinds/storage/storage_plan.hpp"
#include "operator/kube/write_status.hpp"

namespace n4b::storage {
namespace {

using base::ErrorCode;

constexpr std::chrono::milliseconds kRecheckReady = std::chrono::minutes(2);
constexpr std::chrono::milliseconds kRecheckNotReady = std::chrono::seconds(10);
constexpr char kPlural[] = "neo4jbackupstorages";

base::Result<ClaimInputs> look_at_claim(kube::Client& client, const Storage& storage) {
    ClaimInputs inputs;
    base::Result<api::Claim> claim = base::fail(ErrorCode::kInternal, "no object");
    const auto& ns = storage.meta.object_namespace;
    const auto path = kube::collection_path("/api/v1", ns, "persistentvolumeclaims") + "/" + storage.claim;
    const auto got = client.get(path, [&](const auto& json) { claim = api::parse_claim(json); });
    if (!got && got.error().code == ErrorCode::kNotFound) return inputs;
    if (!got) return base::fail(got.error());
    if (!claim) return base::fail(claim.error());
    inputs.claim = *claim;
    if (claim->phase != "Pending") return inputs;
    N4B_TRY_VOID(client.list(
        kube::collection_path("/api/v1", ns, "events"),
        "limit=100&fieldSelector=involvedObject.kind%3DPersistentVolumeClaim,involvedObject.name%3D" + storage.claim,
        [&](const auto& json) {
            if (auto event = api::parse_event(json)) inputs.events.push_back(std::move(*event));
        }));
    return inputs;
}

}  // namespace

base::Result<std::optional<std::chrono::milliseconds>> StorageController::reconcile(const std::string& key) {
    const auto storage = storages_.get(key);
    if (!storage || storage->meta.deleted) return std::nullopt;
    N4B_TRY(const auto inputs, look_at_claim(client_, *storage));
    const auto conditions = storage_conditions(*storage, inputs, clock_.system_now());
    const auto text = status_json(storage->meta.generation, conditions);
    const auto path =
        kube::collection_path(api::api_path(), storage->meta.object_namespace, kPlural) + "/" + storage->meta.name;
    const kube::StatusTarget target{
        .path = path, .resource_version = storage->meta.resource_version, .uid = storage->meta.uid};
    const auto before = status_json(storage->observed_generation, storage->conditions);
    N4B_TRY(const auto written, kube::write_status(client_, target, before, text, text));
    if (written == kube::StatusWrite::kConflict) return std::chrono::seconds(1);
    const auto* ready = api::find_condition(conditions, "Ready");
    return ready->status == "True" ? kRecheckReady : kRecheckNotReady;
}

}  // namespace n4b::storage
