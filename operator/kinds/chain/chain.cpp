#include "operator/kinds/chain/chain.hpp"

#include "common/base/quantity.hpp"
#include "operator/api/names.hpp"
#include "operator/api/read_meta.hpp"
#include "operator/run/job_builder.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::chain {
namespace {

using base::Json;
using base::JsonObject;
using base::time_or_null;

constexpr char kStorageKind[] = "Neo4jBackupStorage";

void read_spec(JsonObject& object, ChainSpec& spec) {
    object.object("storageRef", [&](JsonObject& ref) { spec.storage = ref.required<std::string>("name"); });
    spec.source = object.required<std::string>("sourceName");
    spec.database = object.required<std::string>("database");
    spec.chain = object.required<std::string>("chain");
}

void read_status(JsonObject& object, ChainStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    status.observed = api::read_time(object, "observedTime");
    auto& record = status.record;
    record.tip = object.value_or<std::string>("tip", "");
    record.artifacts = object.value_or<std::int64_t>("artifacts", 0);
    record.store_id = object.value_or<std::string>("storeId", "");
    record.earliest_restorable = object.value_or<std::int64_t>("earliestTransaction", 0);
    record.highest_transaction = object.value_or<std::int64_t>("highestTransaction", 0);
    record.stored_bytes = object.value_or<std::int64_t>("storedBytes", 0);
    record.restorable_from = api::read_time(object, "restorableFrom");
    record.recoverable_to = api::read_time(object, "recoverableTo");
    record.current_at = api::read_time(object, "currentAt");
    status.conditions = api::read_conditions(object);
    const auto* ready = api::find_condition(status.conditions, "Ready");
    if (ready == nullptr || ready->status == "True") return;
    record.reason = base::parse_reason(ready->reason).value_or(base::Reason::kInternalError);
    record.message = ready->message;
}

Json labels_json(const ChainOwner& owner, const ChainSpec& spec) {
    Json labels = Json::object();
    const auto add = [&](const char* key, const std::string& value) {
        if (auto text = run::label_value(value); !text.empty()) labels[key] = std::move(text);
    };
    add(api::kStorageLabel, owner.storage);
    add(api::kSourceLabel, spec.source);
    add(api::kDatabaseLabel, spec.database);
    return labels;
}

}  // namespace

base::Result<Chain> parse_chain(const Json& json) {
    JsonObject object(json, "");
    Chain chain;
    chain.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, chain.spec); })) {
        object.reject("spec", "missing");
    }
    object.object("status", [&](JsonObject& status) { read_status(status, chain.status); });
    auto& record = chain.status.record;
    record.source = chain.spec.source;
    record.database = chain.spec.database;
    record.chain = chain.spec.chain;
    N4B_TRY_VOID(object.finish());
    return chain;
}

std::string status_json(const ChainStatus& status) {
    const auto& record = status.record;
    const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
    const auto number = [](std::int64_t value) { return value == 0 ? Json() : Json(value); };
    const Json size = record.stored_bytes == 0 ? Json() : Json(base::bytes_for_people(record.stored_bytes));
    const Json json{{"observedGeneration", status.observed_generation},
                    {"observedTime", time_or_null(status.observed)},
                    {"tip", text(record.tip)},
                    {"artifacts", number(record.artifacts)},
                    {"storeId", text(record.store_id)},
                    {"earliestTransaction", number(record.earliest_restorable)},
                    {"highestTransaction", number(record.highest_transaction)},
                    {"storedBytes", number(record.stored_bytes)},
                    {"restorableFrom", time_or_null(record.restorable_from)},
                    {"recoverableTo", time_or_null(record.recoverable_to)},
                    {"currentAt", time_or_null(record.current_at)},
                    {"display", {{"size", size}}},
                    {"conditions", api::conditions_json(status.conditions)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string conditions_json(const ChainStatus& status) {
    return run::conditions_json(status.observed_generation, status.conditions);
}

std::string object_json(const std::string& name, const ChainOwner& owner, const ChainSpec& spec) {
    const Json json{{"apiVersion", api::api_version()},
                    {"kind", "Neo4jBackupChain"},
                    {"metadata",
                     {{"name", name},
                      {"namespace", owner.object_namespace},
                      {"labels", labels_json(owner, spec)},
                      {"ownerReferences", Json::array({{{"apiVersion", api::api_version()},
                                                        {"kind", kStorageKind},
                                                        {"name", owner.storage},
                                                        {"uid", owner.storage_uid},
                                                        {"controller", true}}})}}},
                    {"spec",
                     {{"storageRef", {{"name", spec.storage}}},
                      {"sourceName", spec.source},
                      {"database", spec.database},
                      {"chain", spec.chain}}}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace n4b::chain
