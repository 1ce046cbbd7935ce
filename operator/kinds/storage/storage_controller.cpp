#include "operator/kinds/storage/storage_controller.hpp"

#include <algorithm>
#include <optional>

#include "operator/jobs/fresh_object.hpp"
#include "operator/kinds/claims.hpp"
#include "operator/kinds/storage/storage_plan.hpp"
#include "operator/run/look.hpp"

namespace n4b::storage {
namespace {

using base::Result;
using jobs::Requeue;
using std::chrono::milliseconds;

constexpr char kKind[] = "Neo4jBackupStorage";
/// Claims are not watched, so one that goes away is noticed this late.
constexpr milliseconds kClaimRecheck = std::chrono::minutes(2);

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, "neo4jbackupstorages", meta.name);
}

Result<ClaimInputs> look_at_claim(kube::Client& client, const Storage& storage) {
    ClaimInputs inputs;
    if (storage.spec.s3) return inputs;
    N4B_TRY(inputs.claim, kinds::claim_of(client, storage.meta.object_namespace, storage.spec.claim));
    if (!inputs.claim || inputs.claim->phase != "Pending") return inputs;
    N4B_TRY_VOID(
        client.list(kube::collection_path("/api/v1", storage.meta.object_namespace, "events"),
                    "limit=100&fieldSelector=involvedObject.kind%3DPersistentVolumeClaim,involvedObject.name%3D" +
                        storage.spec.claim,
                    [&](const auto& json) {
                        if (auto event = api::parse_event(json)) inputs.events.push_back(std::move(*event));
                    }));
    return inputs;
}

}  // namespace

Result<Requeue> StorageController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto known = storages_.get(key);
    environment_.locks.sweep(kKind, key, known ? known->meta.uid : std::string());
    if (!known) {
        environment_.catalogue.forget(key);
        return Requeue{};
    }
    return jobs::drive_fresh<Storage>(environment_.client, path_of(known->meta), &parse_storage, *known, stop,
                                      [this](const Storage& storage) { return drive(storage); });
}

Result<Requeue> StorageController::drive(const Storage& storage) {
    if (storage.meta.deleted) return Requeue{};
    if (!storage.status.run.finished()) return probe(storage, storage.status);
    environment_.collector.forget(storage.meta.uid);  // What the look found was handed on when its end was written.
    N4B_TRY(const auto claim, look_at_claim(environment_.client, storage));
    const ShownChains shown{.count = environment_.catalogue.shown(storage.meta.uid),
                            .outdated = environment_.catalogue.is_outdated(storage.meta.key())};
    auto left = until_probe(storage, closed_gate(storage, claim).has_value(), shown, environment_.clock.system_now());
    if (left == milliseconds(0)) return probe(storage, begun(storage.status));
    N4B_TRY(const auto requeue, probe(storage, storage.status));  // Its Jobs are removed when their time is over.
    if (!storage.spec.s3) left = std::min(left, kClaimRecheck);
    return requeue ? std::min(*requeue, left) : left;
}

std::optional<kinds::ListedChains> StorageController::listed_chains(const Storage& storage, const run::RunStep& step) {
    const auto& report = step.report;
    if (!report || !report->catalogue || !step.status.started) return std::nullopt;
    auto chains = environment_.collector.chains(storage.meta.uid, report->catalogue->digest);
    if (!chains) return std::nullopt;
    auto listed = kinds::named(storage.meta.name, *std::move(chains));
    listed.begun = *step.status.started;
    listed.all = report->catalogue->left_out == 0;
    return listed;
}

Result<Requeue> StorageController::probe(const Storage& storage, const StorageStatus& begun) {
    Storage current = storage;
    current.status = begun;
    const auto finish = [&](run::RunStep& step, const run::Preparation*) -> jobs::StatusTexts {
        auto listed = listed_chains(current, step);
        const auto status = status_after(current, step, listed.has_value(), environment_.clock.system_now());
        if (listed) environment_.catalogue.put(current.meta.key(), *std::move(listed));
        return {.whole = status_json(status), .conditions = conditions_json(status)};
    };
    const auto prepare_probe = [&](const run::StartAttempt&) -> Result<run::Preparation> {
        N4B_TRY(const auto claim, look_at_claim(environment_.client, current));
        return prepare(current, claim, environment_.config);
    };
    return environment_.driver.drive({.owner = owner_of(current),
                                      .status = current.status.run,
                                      .before = run::look_verdict(current.status.conditions),
                                      .path = path_of(current.meta),
                                      .locks = awaited_locks(current),
                                      .status_before = status_json(storage.status),
                                      .prepare = prepare_probe,
                                      .finish = finish,
                                      .read = [](const auto& json) -> Result<run::RunStatus> {
                                          N4B_TRY(const auto live, parse_storage(json));
                                          return live.status.run;
                                      }});
}

}  // namespace n4b::storage
