#include "operator/kinds/chain/chain_controller.hpp"

#include <chrono>

#include "operator/kube/write_status.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::chain {
namespace {

using base::ErrorCode;
using base::Result;
using jobs::Requeue;
using Act = ChainDecision::Act;

constexpr char kPlural[] = "neo4jbackupchains";
/// The object changed, and the change has not come yet.
constexpr std::chrono::seconds kBehind{1};

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, kPlural, meta.name);
}

std::string name_in(const std::string& key) {
    return key.substr(key.find('/') + 1);
}

std::string namespace_in(const std::string& key) {
    return key.substr(0, key.find('/'));
}

}  // namespace

std::shared_ptr<const storage::Storage> ChainController::storage_of(const std::string& key, const Chain* known,
                                                                    const ToldByRuns& runs) const {
    const auto& name = known != nullptr ? known->spec.storage : runs.storage;
    return stores_.storages.get(name.empty() ? environment_.catalogue.storage_of(key) : namespace_in(key) + "/" + name);
}

Result<Requeue> ChainController::reconcile(const std::string& key, const std::stop_token& /*stop*/) {
    const auto known = stores_.chains.get(key);
    if (known && known->meta.deleted) return Requeue{};
    // It is there, and says what this operator does not understand.
    if (!known && stores_.chains.unreadable(key)) return Requeue{};
    auto runs = stores_.runs.told(key);
    const auto storage = storage_of(key, known.get(), runs);
    if (!storage) return Requeue{};
    const auto listed = environment_.catalogue.of(storage->meta.key());
    const auto decision = decide({.name = name_in(key),
                                  .known = known.get(),
                                  .storage = storage.get(),
                                  .listed = listed.get(),
                                  .runs = std::move(runs)});
    switch (decision.act) {
        case Act::kNothing:
            return Requeue{};
        case Act::kRemove: {
            const auto removed =
                environment_.client.remove(path_of(known->meta), known->meta.uid, known->meta.resource_version);
            if (removed) telemetry::info("a chain is gone from its storage", {{"chain", key}});
            if (!removed && removed.error().code == ErrorCode::kConflict) return Requeue{kBehind};
            if (!removed) return base::fail(removed.error());
            return Requeue{};
        }
        case Act::kShow:
            break;
    }
    if (known) return write(*known, decision);
    const auto& record = decision.record;
    const auto made = create(
        name_in(key), *storage,
        {.storage = storage->meta.name, .source = record.source, .database = record.database, .chain = record.chain});
    // Another operator, or we, made it, and it has not come yet.
    if (!made && made.error().code == ErrorCode::kAlreadyExists) return Requeue{kBehind};
    if (!made) return base::fail(made.error());
    return write(*made, decision);
}

Result<Chain> ChainController::create(const std::string& name, const storage::Storage& storage, const ChainSpec& spec) {
    Result<Chain> created = base::fail(ErrorCode::kInternal, "the API server returned no object");
    N4B_TRY_VOID(
        environment_.client.create(kube::collection_path(api::api_path(), storage.meta.object_namespace, kPlural),
                                   object_json(name,
                                               {.object_namespace = storage.meta.object_namespace,
                                                .storage = storage.meta.name,
                                                .storage_uid = storage.meta.uid},
                                               spec),
                                   [&](const auto& json) { created = parse_chain(json); }));
    return created;
}

Result<Requeue> ChainController::write(const Chain& chain, const ChainDecision& decision) {
    const auto status = status_showing(chain, decision.record, decision.observed, environment_.clock.system_now());
    if (status == chain.status) return Requeue{};
    N4B_TRY(const auto written,
            kube::write_status(
                environment_.client,
                {.path = path_of(chain.meta), .resource_version = chain.meta.resource_version, .uid = chain.meta.uid},
                status_json(chain.status), status_json(status), conditions_json(status)));
    if (written == kube::StatusWrite::kConflict) return Requeue{kBehind};
    return Requeue{};
}

}  // namespace n4b::chain
