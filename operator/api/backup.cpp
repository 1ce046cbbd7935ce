#include "operator/api/backup.hpp"

#include <charconv>
#include <cmath>

#include "common/base/quantity.hpp"
#include "operator/api/read_meta.hpp"
#include "operator/api/source_status.hpp"

namespace n4b::api {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

constexpr double kMaxDurationMs = 8760.0 * 3600 * 1000;

void read_duration(JsonObject& object, const char* key, std::chrono::milliseconds& out) {
    const auto text = object.optional<std::string>(key);
    if (!text) return;
    const auto duration = parse_duration(*text);
    if (duration) {
        out = *duration;
    } else {
        object.reject(key, duration.error().message);
    }
}

std::string raw(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found == json.end() || found->empty() ? std::string() : found->dump();
}

KeyRef read_key_ref(JsonObject& ref, bool secret) {
    return {.secret = secret, .name = ref.required<std::string>("name"), .key = ref.required<std::string>("key")};
}

SourceTls read_tls(JsonObject& object) {
    SourceTls tls;
    object.object("secretRef", [&](JsonObject& ref) { tls.secret = ref.required<std::string>("name"); });
    object.each("trust", [&](JsonObject& element) {
        element.object("secretRef", [&](JsonObject& ref) { tls.trust.push_back(read_key_ref(ref, true)); });
        element.object("configMapRef", [&](JsonObject& ref) { tls.trust.push_back(read_key_ref(ref, false)); });
    });
    const auto verification = object.value_or<std::string>("verification", "Full");
    if (const auto parsed = contract::parse_tls_verification(verification)) {
        tls.verification = *parsed;
    } else {
        object.reject("verification", "expected Full, Chain or None");
    }
    tls.server_name = object.value_or<std::string>("serverName", "");
    return tls;
}

void read_source(JsonObject& object, BackupSpec& spec) {
    spec.source = object.required<std::string>("name");
    object.each("endpoints", [&](JsonObject& element) {
        const auto port = element.value_or<std::int64_t>("port", 6362);
        if (port < 1 || port > 65535) element.reject("port", "not a port");
        spec.endpoints.push_back(
            {.host = element.required<std::string>("host"), .port = static_cast<std::uint16_t>(port)});
    });
    object.object("service", [&](JsonObject& service) {
        spec.service = ServicePort{service.required<std::string>("name"), service.required<std::string>("port")};
    });
    const auto policy = object.value_or<std::string>("policy", "PreferReplica");
    if (const auto known = contract::parse_source_policy(policy)) {
        spec.policy = *known;
    } else {
        object.reject("policy", "not a policy");
    }
    spec.max_lag = object.optional<std::int64_t>("maxLag");
    object.object("tls", [&](JsonObject& tls) { spec.tls = read_tls(tls); });
}

std::int64_t read_bandwidth(const Json& json, JsonObject& object) {
    const auto found = json.find("bandwidthLimit");
    if (found == json.end()) return 0;
    const auto limit = base::parse_quantity(found->is_string() ? found->get<std::string>() : found->dump());
    if (!limit) object.reject("bandwidthLimit", limit.error().message);
    return limit.value_or(0);
}

Result<void> read_runner(const Json& json, RunnerSpec& runner) {
    if (auto text = raw(json, "resources"); !text.empty()) runner.resources = std::move(text);
    const auto memory = "/resources/limits/memory"_json_pointer;
    const Json limit = json.contains(memory) ? json.at(memory) : Json("128Mi");
    runner.memory_limit = limit.is_string() ? limit.get<std::string>() : limit.dump();
    runner.node_selector = raw(json, "nodeSelector");
    runner.tolerations = raw(json, "tolerations");
    runner.affinity = raw(json, "affinity");
    runner.labels = raw(json, "labels");
    runner.annotations = raw(json, "annotations");
    JsonObject object(json, "spec.runner");
    runner.priority_class = object.value_or<std::string>("priorityClassName", "");
    runner.connections = object.value_or<std::int64_t>("connections", 2);
    runner.bandwidth_limit = read_bandwidth(json, object);
    object.object("securityContext", [&](JsonObject& context) {
        runner.run_as_user = context.value_or<std::int64_t>("runAsUser", 7474);
        runner.run_as_group = context.value_or<std::int64_t>("runAsGroup", 7474);
        runner.fs_group = context.value_or<std::int64_t>("fsGroup", 7474);
        runner.fs_group_change_policy = context.value_or<std::string>("fsGroupChangePolicy", "OnRootMismatch");
    });
    return object.finish();
}

void read_spec(JsonObject& object, BackupSpec& spec) {
    object.object("source", [&](JsonObject& source) { read_source(source, spec); });
    const auto databases = object.required<std::vector<std::string>>("databases");
    if (databases.size() != 1) object.reject("databases", "exactly one expected");
    if (!databases.empty()) spec.database = databases[0];
    object.object("storageRef", [&](JsonObject& ref) { spec.storage = ref.required<std::string>("name"); });
    spec.compression = object.value_or<std::string>("compression", "Zstd") == "None" ? contract::Compression::kNone
                                                                                     : contract::Compression::kZstd;
    read_duration(object, "startDeadline", spec.start_deadline);
    read_duration(object, "startTimeout", spec.start_timeout);
    read_duration(object, "attemptDeadline", spec.attempt_deadline);
    read_duration(object, "deadline", spec.deadline);
    read_duration(object, "connectTimeout", spec.timeouts.connect);
    read_duration(object, "prepareTimeout", spec.timeouts.prepare);
    read_duration(object, "stallTimeout", spec.timeouts.stall);
    object.object("retry", [&](JsonObject& retry) {
        spec.retry_limit = retry.value_or<std::int64_t>("limit", 3);
        read_duration(retry, "backoff", spec.retry_backoff);
    });
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
    a.recoverable_to = read_time(object, "recoverableTo");
    a.files = object.value_or<std::int64_t>("files", 0);
    a.bytes = object.value_or<std::int64_t>("bytes", 0);
    a.stored_bytes = object.value_or<std::int64_t>("storedBytes", 0);
    a.digest = object.value_or<std::string>("digest", "");
    a.level = object.value_or<std::string>("level", "Written");
    return a;
}

contract::TlsReport read_tls_report(JsonObject& object) {
    return {.version = object.value_or<std::string>("version", ""),
            .cipher = object.value_or<std::string>("cipher", ""),
            .client_certificate_requested = object.value_or("clientCertificateDemanded", false),
            .certificate_expires = read_time(object, "certificateExpires"),
            .server_certificate_expires = read_time(object, "serverCertificateExpires")};
}

void read_status(JsonObject& object, BackupStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    object.each("attempts", [&](JsonObject& attempt) {
        status.attempts.push_back({.number = attempt.required<std::int64_t>("number"),
                                   .job = attempt.required<std::string>("job"),
                                   .look_up = attempt.value_or("lookUp", false),
                                   .started = read_time(attempt, "startTime").value_or(base::SystemTime{}),
                                   .ended = read_time(attempt, "endTime"),
                                   .reason = attempt.value_or<std::string>("reason", ""),
                                   .message = attempt.value_or<std::string>("message", "")});
    });
    status.started = read_time(object, "startTime");
    status.completed = read_time(object, "completionTime");
    object.object("runner", [&](JsonObject& runner) {
        status.runner_image = runner.value_or<std::string>("image", "");
        status.memory_limit = runner.value_or<std::string>("memoryLimit", "");
    });
    object.object("source", [&](JsonObject& source) {
        status.source = read_source_report(source);
        source.object("tls", [&](JsonObject& tls) { status.tls = read_tls_report(tls); });
    });
    object.object("progress", [&](JsonObject& progress) { status.progress = read_progress(progress); });
    object.each("databases", [&](JsonObject& database) { status.artifact = read_database(database); });
    status.conditions = read_conditions(object);
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
    if (a.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*a.recoverable_to);
    return json;
}

Json time_or_null(const std::optional<base::SystemTime>& time) {
    return time ? Json(base::format_rfc3339(*time)) : Json();  // null removes it
}

Json tls_json(const contract::TlsReport& tls) {
    return {{"version", tls.version},
            {"cipher", tls.cipher},
            {"clientCertificateDemanded", tls.client_certificate_requested},
            {"certificateExpires", time_or_null(tls.certificate_expires)},
            {"serverCertificateExpires", time_or_null(tls.server_certificate_expires)}};
}

Json attempt_json(const Attempt& a) {
    Json json{{"number", a.number}, {"job", a.job}, {"startTime", base::format_rfc3339(a.started)}};
    if (a.look_up) json["lookUp"] = true;
    if (a.ended) json["endTime"] = base::format_rfc3339(*a.ended);
    if (!a.reason.empty()) json["reason"] = a.reason;
    if (!a.message.empty()) json["message"] = a.message;
    return json;
}

std::string patch(const Meta& meta, Json status) {
    const Json document{{"metadata", {{"resourceVersion", meta.resource_version}, {"uid", meta.uid}}},
                        {"status", std::move(status)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

bool Backup::finished() const {
    const auto* condition = find_condition(status.conditions, "Succeeded");
    return condition != nullptr && condition->status != "Unknown";
}

bool Backup::succeeded() const {
    const auto* condition = find_condition(status.conditions, "Succeeded");
    return condition != nullptr && condition->status == "True";
}

Result<Backup> parse_backup(const Json& json) {
    JsonObject object(json, "");
    Backup backup;
    backup.meta = read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, backup.spec); }))
        object.reject("spec", "missing");
    object.object("status", [&](JsonObject& status) { read_status(status, backup.status); });
    N4B_TRY_VOID(object.finish());  // A pointer may only go into what is an object.
    // No pod of it is made any more, and what one is to be like takes up to hundreds of KiB for each object that is
    // kept.
    if (backup.finished()) return backup;
    if (const auto runner = json.value("/spec/runner"_json_pointer, Json()); runner.is_object()) {
        N4B_TRY_VOID(read_runner(runner, backup.spec.runner));
    }
    return backup;
}

Result<Storage> parse_storage(const Json& json) {
    JsonObject object(json, "");
    Storage storage;
    storage.meta = read_meta(object);
    object.object("spec", [&](JsonObject& spec) {
        spec.object("persistentVolumeClaim", [&](JsonObject& claim) {
            storage.claim = claim.required<std::string>("claimName");
            storage.path = claim.value_or<std::string>("path", "");
        });
    });
    object.object("status", [&](JsonObject& status) {
        storage.observed_generation = status.value_or<std::int64_t>("observedGeneration", -1);
        storage.conditions = read_conditions(status);
    });
    N4B_TRY_VOID(object.finish());
    return storage;
}

std::string status_patch(const Meta& meta, const BackupStatus& status) {
    Json attempts = Json::array();
    for (const auto& attempt : status.attempts) attempts.push_back(attempt_json(attempt));
    Json json{{"observedGeneration", status.observed_generation},
              {"attempts", std::move(attempts)},
              {"conditions", conditions_json(status.conditions)}};
    if (status.started) json["startTime"] = base::format_rfc3339(*status.started);
    if (status.completed) json["completionTime"] = base::format_rfc3339(*status.completed);
    if (!status.runner_image.empty()) {
        json["runner"] = {{"image", status.runner_image}, {"memoryLimit", status.memory_limit}};
    }
    if (status.source) {
        json["source"] = source_json(*status.source);
        json["source"]["tls"] = status.tls ? tls_json(*status.tls) : Json();
    }
    json["progress"] = status.progress ? progress_json(*status.progress) : Json();  // null removes it
    if (status.artifact) json["databases"] = Json::array({artifact_json(*status.artifact)});
    return patch(meta, std::move(json));
}

std::string status_patch(const Meta& meta, std::int64_t observed_generation, const std::vector<Condition>& conditions) {
    return patch(meta, {{"observedGeneration", observed_generation}, {"conditions", conditions_json(conditions)}});
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto invalid = [&] {
        return base::fail(base::ErrorCode::kInvalid,
                          fmt::format("\"{}\" is not a duration such as 90s, 10m or 1h30m", text.substr(0, 32)));
    };
    if (text.empty()) return invalid();
    double total = 0;
    for (std::string_view rest = text; !rest.empty();) {
        double number = 0;
        const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
        if (parsed.ec != std::errc{} || !std::isfinite(number) || number < 0) return invalid();
        rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
        double unit = 0;
        for (const auto& [name, ms] :
             {std::pair<std::string_view, double>{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}}) {
            if (!rest.starts_with(name)) continue;
            unit = ms;
            rest.remove_prefix(name.size());
            break;
        }
        if (unit == 0) return invalid();
        total += number * unit;
    }
    if (total > kMaxDurationMs) return invalid();
    return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

}  // namespace n4b::api
