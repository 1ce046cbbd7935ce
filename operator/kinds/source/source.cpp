#include "operator/kinds/source/source.hpp"

#include <algorithm>
#include <iterator>

#include "operator/api/duration.hpp"
#include "operator/api/read_meta.hpp"
#include "operator/api/tls_session.hpp"

namespace n4b::source {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;
using base::time_or_null;

constexpr std::int64_t kBackupPort = 6362;  // Neo4j's default of dbms.backup.address.

Tls read_tls(JsonObject& object) {
    Tls tls;
    object.object("secretRef", [&](JsonObject& ref) { tls.secret = ref.required<std::string>("name"); });
    object.each("trust", [&](JsonObject& element) {
        if (auto ref = api::read_key_ref(element)) tls.trust.push_back(std::move(*ref));
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

void read_connection(JsonObject& object, SourceSpec& spec) {
    const auto policy = object.value_or<std::string>("policy", "PreferReplica");
    if (const auto known = contract::parse_source_policy(policy)) {
        spec.policy = *known;
    } else {
        object.reject("policy", "expected ReplicaOnly, PreferReplica or Any");
    }
    spec.max_lag = object.optional<std::int64_t>("maxLag");
    object.object("tls", [&](JsonObject& tls) { spec.tls = read_tls(tls); });
}

void read_spec(JsonObject& object, SourceSpec& spec) {
    spec.name = object.value_or<std::string>("name", "");
    const auto databases = object.required<std::vector<std::string>>("databases");
    if (databases.size() != 1) object.reject("databases", "exactly one expected");
    if (!databases.empty()) spec.database = databases[0];
    object.each("endpoints", [&](JsonObject& element) {
        const auto port = element.value_or<std::int64_t>("port", kBackupPort);
        if (port < 1 || port > 65535) element.reject("port", "not a port");
        spec.endpoints.push_back(
            {.host = element.required<std::string>("host"), .port = static_cast<std::uint16_t>(port)});
    });
    object.object("service", [&](JsonObject& service) {
        spec.service = ServicePort{service.required<std::string>("name"), service.required<std::string>("port")};
    });
    object.object("connection", [&](JsonObject& connection) { read_connection(connection, spec); });
    api::read_duration(object, "probeInterval", spec.probe_interval);
    spec.runner = api::read_pod_profile(object, "runner");
    object.object("server", [&](JsonObject& server) {
        spec.server = Server{.image = server.required<std::string>("image"),
                             .accept_license = server.value_or("acceptLicense", false),
                             .resources = api::read_resources(server)};
    });
}

contract::MemberReport read_member(JsonObject& object) {
    contract::MemberReport member{.address = object.required<std::string>("address"),
                                  .member = object.value_or<std::string>("member", ""),
                                  .role = contract::parse_member_role(object.value_or<std::string>("role", "")),
                                  .store_id = object.value_or<std::string>("storeId", ""),
                                  .last_transaction = object.value_or<std::int64_t>("lastTransaction", 0),
                                  .lag = api::read_lag(object),
                                  .message = object.value_or<std::string>("message", "")};
    object.object("tls", [&](JsonObject& tls) { member.tls = api::read_tls_report(tls); });
    const auto reason = object.value_or<std::string>("reason", "Completed");
    member.reason = base::parse_reason(reason).value_or(base::Reason::kInternalError);
    return member;
}

void read_status(JsonObject& object, SourceStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    status.run = run::read_run_status(object);
    status.last_probe = api::read_time(object, "lastProbeTime");
    status.last_success = api::read_time(object, "lastSuccessTime");
    status.store_id = object.value_or<std::string>("storeId", "");
    status.client_certificate_expires = api::read_time(object, "clientCertificateExpires");
    object.each("members", [&](JsonObject& member) { status.members.push_back(read_member(member)); });
    object.object("display", [&](JsonObject& display) {
        status.display = {.members = display.value_or<std::string>("members", ""),
                          .lag = display.value_or<std::string>("lag", ""),
                          .guard = display.value_or<std::string>("guard", "")};
    });
    status.conditions = api::read_conditions(object);
}

/// Without the members that are null: in an array a null would not be taken out.
Json without_nulls(Json json) {
    for (auto entry = json.begin(); entry != json.end();)
        entry = entry->is_null() ? json.erase(entry) : std::next(entry);
    return json;
}

Json member_json(const contract::MemberReport& member) {
    Json json{{"address", member.address}};
    if (!member.member.empty()) json["member"] = member.member;
    if (member.reason != base::Reason::kCompleted) {
        json["reason"] = to_string(member.reason);
        json["message"] = member.message;
        return json;
    }
    json["role"] = to_string(member.role);
    json["lag"] = api::lag_text(member.lag);
    json["lastTransaction"] = member.last_transaction;
    if (!member.store_id.empty()) json["storeId"] = member.store_id;
    if (member.tls) json["tls"] = without_nulls(api::tls_json(*member.tls));
    return json;
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string guard_of(const SourceSpec& spec, const SourceStatus& status) {
    if (!spec.tls) return "ClearText";
    bool known = false;
    for (const auto& member : status.members) {
        if (!member.tls) continue;
        if (!member.tls->client_certificate_requested) return "Open";
        known = true;
    }
    return known ? "Guarded" : "Unknown";
}

}  // namespace

Result<Source> parse_source(const Json& json) {
    JsonObject object(json, "");
    Source source;
    source.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, source.spec); }))
        object.reject("spec", "missing");
    object.object("status", [&](JsonObject& status) { read_status(status, source.status); });
    N4B_TRY_VOID(object.finish());
    return source;
}

Display display_of(const SourceSpec& spec, const SourceStatus& status) {
    Display display{.guard = guard_of(spec, status)};
    if (status.members.empty()) return display;
    std::size_t answered = 0;
    std::optional<std::int64_t> lag;
    for (const auto& member : status.members) {
        if (member.reason != base::Reason::kCompleted) continue;
        ++answered;
        const bool copied_from =
            spec.policy == contract::SourcePolicy::kAny || member.role == contract::MemberRole::kReadReplica;
        if (copied_from && member.lag) lag = std::min(lag.value_or(*member.lag), *member.lag);
    }
    display.members = fmt::format("{}/{}", answered, status.members.size());
    display.lag = api::lag_text(lag);
    return display;
}

std::string status_json(const SourceStatus& status) {
    Json json{{"observedGeneration", status.observed_generation},
              {"lastProbeTime", time_or_null(status.last_probe)},
              {"lastSuccessTime", time_or_null(status.last_success)},
              {"clientCertificateExpires", time_or_null(status.client_certificate_expires)},
              {"conditions", api::conditions_json(status.conditions)}};
    run::write_run_status(json, status.run);
    if (!status.store_id.empty()) json["storeId"] = status.store_id;
    for (const auto& member : status.members) json["members"].push_back(member_json(member));
    const auto show = [&](const char* key, const std::string& text) {
        if (!text.empty()) json["display"][key] = text;
    };
    show("guard", status.display.guard);
    show("members", status.display.members);
    show("lag", status.display.lag);
    return text_of(json);
}

std::string conditions_json(const SourceStatus& status) {
    return run::conditions_json(status.observed_generation, status.conditions);
}

}  // namespace n4b::source
