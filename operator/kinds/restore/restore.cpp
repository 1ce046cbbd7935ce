#include "operator/kinds/restore/restore.hpp"

#include "common/base/quantity.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/for_people.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::restore {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

void read_spec(JsonObject& object, RestoreSpec& spec) {
    object.object("backupRef", [&](JsonObject& ref) { spec.backup = ref.required<std::string>("name"); });
    object.object("storageRef", [&](JsonObject& ref) { spec.storage = ref.required<std::string>("name"); });
    spec.source = object.value_or<std::string>("sourceName", "");
    spec.database = object.value_or<std::string>("database", "");
    spec.chain = object.value_or<std::string>("chain", "");
    spec.before_transaction = object.optional<std::int64_t>("beforeTransaction");
    spec.before_time = api::read_time(object, "beforeTime");
    const bool targeted = object.object("target", [&](JsonObject& target) {
        spec.claim = target.required<std::string>("claimName");
        spec.path = target.value_or<std::string>("path", "");
        spec.log_path = target.value_or<std::string>("transactionLogPath", "");
    });
    if (!targeted) object.reject("target", "missing");
    object.object("runner", [&](JsonObject& runner) { spec.resources = api::read_resources(runner); });
    const auto recovery = object.value_or<std::string>("recovery", "None");
    if (recovery == "Server") spec.recovery = Recovery::kServer;
    if (recovery != "Server" && recovery != "None") object.reject("recovery", "expected None or Server");
    spec.policy = run::read_run_policy(object);
    // Another attempt finds at the target what an earlier one finished, so there is nothing to look for.
    spec.policy.lost_report = run::RunPolicy::LostReport::kNothing;
    spec.ttl = api::read_duration(object, "ttlAfterFinished");
}

void read_restored(JsonObject& object, RestoreStatus& status) {
    status.restored = contract::RestoredReport{.chain = object.value_or<std::string>("chain", ""),
                                               .artifact = object.value_or<std::string>("artifact", ""),
                                               .artifacts = object.value_or<std::int64_t>("artifacts", 1),
                                               .transaction = object.value_or<std::int64_t>("highestTransaction", 0),
                                               .recoverable_to = api::read_time(object, "recoverableTo"),
                                               .files = object.value_or<std::int64_t>("files", 0),
                                               .bytes = object.value_or<std::int64_t>("bytes", 0)};
    status.path = object.value_or<std::string>("path", "");
    status.log_path = object.value_or<std::string>("transactionLogPath", "");
}

void read_status(JsonObject& object, RestoreStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    status.run = run::read_run_status(object);
    object.object("runner", [&](JsonObject& runner) {
        status.runner_image = runner.value_or<std::string>("image", "");
        status.memory_limit = runner.value_or<std::string>("memoryLimit", "");
    });
    object.object("server", [&](JsonObject& server) {
        status.server_image = server.value_or<std::string>("image", "");
        status.server_memory_limit = server.value_or<std::string>("memoryLimit", "");
    });
    status.recovered = object.value_or("recovered", false);
    status.storage = object.value_or<std::string>("storage", "");
    status.source = object.value_or<std::string>("source", "");
    status.database = object.value_or<std::string>("database", "");
    status.chain = object.value_or<std::string>("chain", "");
    status.transaction = object.optional<std::int64_t>("upToTransaction");
    object.object("restored", [&](JsonObject& restored) { read_restored(restored, status); });
    status.conditions = api::read_conditions(object);
    run::complete_from(status.conditions, status.run);
}

Json restored_json(const RestoreStatus& status) {
    const auto& restored = *status.restored;
    Json json{{"chain", restored.chain},
              {"artifact", restored.artifact},
              {"artifacts", restored.artifacts},
              {"highestTransaction", restored.transaction},
              {"files", restored.files},
              {"bytes", restored.bytes},
              {"path", status.path}};
    if (restored.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*restored.recoverable_to);
    if (!status.log_path.empty()) json["transactionLogPath"] = status.log_path;
    return json;
}

/// status.display: the columns of `kubectl get`, for people. No promise of the API.
Json display_json(const RestoreStatus& status) {
    Json json = Json::object();
    if (status.restored) json["size"] = base::bytes_for_people(status.restored->bytes);
    const auto& run = status.run;
    if (run.started && run.completed) json["took"] = api::span_for_people(*run.completed - *run.started);
    return json;
}

}  // namespace

Result<Restore> parse_restore(const Json& json) {
    JsonObject object(json, "");
    Restore restore;
    restore.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, restore.spec); }))
        object.reject("spec", "missing");
    object.object("status", [&](JsonObject& status) { read_status(status, restore.status); });
    N4B_TRY_VOID(object.finish());
    return restore;
}

std::string status_json(const RestoreStatus& status) {
    Json json{{"observedGeneration", status.observed_generation},
              {"conditions", api::conditions_json(status.conditions)}};
    run::write_run_status(json, status.run);
    if (!status.runner_image.empty()) {
        json["runner"] = {{"image", status.runner_image}, {"memoryLimit", status.memory_limit}};
    }
    if (!status.server_image.empty()) {
        json["server"] = {{"image", status.server_image}, {"memoryLimit", status.server_memory_limit}};
    }
    if (status.recovered) json["recovered"] = true;
    const auto add = [&](const char* key, const std::string& text) {
        if (!text.empty()) json[key] = text;
    };
    add("storage", status.storage);
    add("source", status.source);
    add("database", status.database);
    add("chain", status.chain);
    if (status.transaction) json["upToTransaction"] = *status.transaction;
    if (status.restored) json["restored"] = restored_json(status);
    if (auto display = display_json(status); !display.empty()) json["display"] = std::move(display);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace n4b::restore
