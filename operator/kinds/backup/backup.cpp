#include "operator/kinds/backup/backup.hpp"

#include "common/base/quantity.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/read_meta.hpp"
#include "operator/api/tls_session.hpp"
#include "operator/kinds/backup/copied_from.hpp"
#include "operator/kinds/backup/display.hpp"

namespace n4b::backup {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

std::int64_t read_bandwidth(JsonObject& object) {
    const auto* value = object.raw("bandwidthLimit");
    if (value == nullptr || value->is_null()) return 0;
    const auto limit = base::parse_quantity(value->is_string() ? value->get<std::string>() : value->dump());
    if (!limit) object.reject("bandwidthLimit", limit.error().message);
    return limit.value_or(0);
}

void read_type(JsonObject& object, BackupSpec& spec) {
    if (const auto type = object.optional<std::string>("type")) {
        const auto known = contract::parse_backup_type(*type);
        if (!known) object.reject("type", "expected Auto, Full or Incremental");
        spec.type = known.value_or(spec.type);
    }
    if (const auto when = object.optional<std::string>("onIncrementalImpossible")) {
        const auto known = contract::parse_when_impossible(*when);
        if (!known) object.reject("onIncrementalImpossible", "expected Full or Fail");
        spec.when_impossible = known.value_or(spec.when_impossible);
    }
    spec.max_chain_length = object.value_or<std::int64_t>("maxChainLength", contract::kUsualChainLength);
}

void read_verify(JsonObject& object, BackupSpec& spec) {
    const auto level = object.optional<std::string>("verify");
    if (!level) return;
    const auto known = contract::parse_verify_level(*level);
    if (!known) object.reject("verify", "expected Written, Checksum or Chain");
    spec.verify = known.value_or(spec.verify);
}

void read_spec(JsonObject& object, BackupSpec& spec) {
    object.object("sourceRef", [&](JsonObject& ref) { spec.source = ref.required<std::string>("name"); });
    object.object("storageRef", [&](JsonObject& ref) { spec.storage = ref.required<std::string>("name"); });
    const auto databases = object.optional<std::vector<std::string>>("databases").value_or(std::vector<std::string>{});
    if (databases.size() > 1) object.reject("databases", "at most one expected");
    if (!databases.empty()) spec.database = databases[0];
    read_type(object, spec);
    spec.compression = object.value_or<std::string>("compression", "Zstd") == "None" ? contract::Compression::kNone
                                                                                     : contract::Compression::kZstd;
    read_verify(object, spec);
    object.object("runner", [&](JsonObject& runner) {
        spec.resources = api::read_resources(runner);
        spec.connections = runner.value_or<std::int64_t>("connections", 2);
        spec.bandwidth_limit = read_bandwidth(runner);
    });
    spec.policy = run::read_run_policy(object);
    object.object("timeouts", [&](JsonObject& timeouts) {
        api::read_duration(timeouts, "connect", spec.timeouts.connect);
        api::read_duration(timeouts, "prepare", spec.timeouts.prepare);
        api::read_duration(timeouts, "stall", spec.timeouts.stall);
    });
    spec.ttl = api::read_duration(object, "ttlAfterFinished");
}

contract::ArtifactReport read_database(JsonObject& object) {
    contract::ArtifactReport a;
    a.database = object.required<std::string>("name");
    a.chain = object.value_or<std::string>("chain", "");
    a.sequence = object.value_or<std::int64_t>("sequence", 0);
    a.artifact = object.value_or<std::string>("artifact", "");
    a.location = object.value_or<std::string>("location", "");
    a.kind = object.value_or<std::string>("kind", "Full");
    a.lowest_transaction = object.value_or<std::int64_t>("lowestTransaction", 0);
    a.highest_transaction = object.value_or<std::int64_t>("highestTransaction", 0);
    a.earliest_restorable = object.value_or<std::int64_t>("earliestRestorable", 0);
    a.recoverable_to = api::read_time(object, "recoverableTo");
    a.current_at = api::read_time(object, "currentAt");
    a.files = object.value_or<std::int64_t>("files", 0);
    a.bytes = object.value_or<std::int64_t>("bytes", 0);
    a.stored_bytes = object.value_or<std::int64_t>("storedBytes", 0);
    a.chain_stored_bytes = object.value_or<std::int64_t>("chainStoredBytes", 0);
    a.restorable_from = api::read_time(object, "restorableFrom");
    a.digest = object.value_or<std::string>("digest", "");
    a.level = object.value_or<std::string>("level", "Written");
    a.verified_at = api::read_time(object, "verifiedAt");
    return a;
}

contract::UpToDateReport read_up_to_date(JsonObject& object) {
    return {.chain = object.value_or<std::string>("chain", ""),
            .artifact = object.value_or<std::string>("artifact", ""),
            .transaction = object.value_or<std::int64_t>("highestTransaction", 0),
            .recoverable_to = api::read_time(object, "recoverableTo"),
            .current_at = api::read_time(object, "currentAt")};
}

void read_status(JsonObject& object, BackupStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    status.run = run::read_run_status(object);
    object.object("runner", [&](JsonObject& runner) {
        status.runner_image = runner.value_or<std::string>("image", "");
        status.memory_limit = runner.value_or<std::string>("memoryLimit", "");
    });
    object.object("source", [&](JsonObject& source) {
        status.source = read_copied_from(source);
        source.object("tls", [&](JsonObject& tls) { status.tls = api::read_tls_report(tls); });
    });
    object.each("databases", [&](JsonObject& database) {
        if (database.value_or("upToDate", false)) {
            status.database = database.required<std::string>("name");
            status.up_to_date = read_up_to_date(database);
            return;
        }
        auto read = read_database(database);
        status.database = read.database;
        if (!read.chain.empty()) status.artifact = std::move(read);
    });
    status.conditions = api::read_conditions(object);
    run::complete_from(status.conditions, status.run);
}

Json artifact_json(const contract::ArtifactReport& a) {
    Json json{{"name", a.database},
              {"chain", a.chain},
              {"sequence", a.sequence},
              {"artifact", a.artifact},
              {"location", a.location},
              {"kind", a.kind},
              {"lowestTransaction", a.lowest_transaction},
              {"highestTransaction", a.highest_transaction},
              {"earliestRestorable", a.earliest_restorable},
              {"files", a.files},
              {"bytes", a.bytes},
              {"storedBytes", a.stored_bytes},
              {"digest", a.digest},
              {"level", a.level}};
    if (a.chain_stored_bytes != 0) json["chainStoredBytes"] = a.chain_stored_bytes;
    if (a.restorable_from) json["restorableFrom"] = base::format_rfc3339(*a.restorable_from);
    if (a.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*a.recoverable_to);
    if (a.current_at) json["currentAt"] = base::format_rfc3339(*a.current_at);
    if (a.verified_at) json["verifiedAt"] = base::format_rfc3339(*a.verified_at);
    return json;
}

Json up_to_date_json(const std::string& database, const contract::UpToDateReport& found) {
    Json json{{"name", database},
              {"upToDate", true},
              {"chain", found.chain},
              {"artifact", found.artifact},
              {"highestTransaction", found.transaction}};
    if (found.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*found.recoverable_to);
    if (found.current_at) json["currentAt"] = base::format_rfc3339(*found.current_at);
    return json;
}

Json display_json(const Display& display) {
    Json json = Json::object();
    const auto add = [&](const char* key, const std::string& text) {
        if (!text.empty()) json[key] = text;
    };
    add("kind", display.kind);
    add("size", display.size);
    add("stored", display.stored);
    add("took", display.took);
    add("from", display.from);
    return json;
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

bool Backup::succeeded() const {
    const auto* condition = api::find_condition(status.conditions, "Succeeded");
    return condition != nullptr && condition->status == "True";
}

Result<Backup> parse_backup(const Json& json) {
    JsonObject object(json, "");
    Backup backup;
    backup.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, backup.spec); }))
        object.reject("spec", "missing");
    object.object("status", [&](JsonObject& status) { read_status(status, backup.status); });
    N4B_TRY_VOID(object.finish());
    return backup;
}

std::string status_json(const BackupStatus& status) {
    Json json{{"observedGeneration", status.observed_generation},
              {"conditions", api::conditions_json(status.conditions)}};
    run::write_run_status(json, status.run);
    if (!status.runner_image.empty()) {
        json["runner"] = {{"image", status.runner_image}, {"memoryLimit", status.memory_limit}};
    }
    if (status.source) {
        json["source"] = copied_from_json(*status.source);
        json["source"]["tls"] = status.tls ? api::tls_json(*status.tls) : Json();
    }
    if (status.artifact) {
        json["databases"] = Json::array({artifact_json(*status.artifact)});
    } else if (status.up_to_date) {
        json["databases"] = Json::array({up_to_date_json(status.database, *status.up_to_date)});
    } else if (!status.database.empty()) {
        json["databases"] = Json::array({{{"name", status.database}}});
    }
    if (auto display = display_json(display_of(status)); !display.empty()) json["display"] = std::move(display);
    return text_of(json);
}

}  // namespace n4b::backup
