#include "operator/kinds/source/source.hpp"

#include "operator/api/read_meta.hpp"

namespace n4b::source {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

constexpr std::int64_t kBackupPort = 6362;  // Neo4j's default of dbms.backup.address.

KeyRef read_key_ref(JsonObject& ref, KeyRef::Kind kind) {
    return {.kind = kind, .name = ref.required<std::string>("name"), .key = ref.required<std::string>("key")};
}

Tls read_tls(JsonObject& object) {
    Tls tls;
    object.object("secretRef", [&](JsonObject& ref) { tls.secret = ref.required<std::string>("name"); });
    object.each("trust", [&](JsonObject& element) {
        element.object("secretRef",
                       [&](JsonObject& ref) { tls.trust.push_back(read_key_ref(ref, KeyRef::Kind::kSecret)); });
        element.object("configMapRef",
                       [&](JsonObject& ref) { tls.trust.push_back(read_key_ref(ref, KeyRef::Kind::kConfigMap)); });
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
    spec.runner = api::read_pod_profile(object, "runner");
}

}  // namespace

Result<Source> parse_source(const Json& json) {
    JsonObject object(json, "");
    Source source;
    source.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, source.spec); }))
        object.reject("spec", "missing");
    N4B_TRY_VOID(object.finish());
    return source;
}

}  // namespace n4b::source
