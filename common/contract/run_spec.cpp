#include "common/contract/run_spec.hpp"

#include <algorithm>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::contract {
namespace {

using base::ErrorCode;
using base::Json;
using base::JsonObject;
using base::Result;

constexpr std::int64_t kMaxConnections = 8;
constexpr std::size_t kMaxEndpoints = 32;
constexpr std::size_t kMaxTrustFiles = 8;
constexpr std::size_t kMaxPath = 4096;
constexpr std::int64_t kMaxTimeoutMs = std::int64_t{30} * 24 * 3600 * 1000;

bool is_uid(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
    });
}

void read_storage_name(JsonObject& object, const char* key, std::string& out) {
    out = object.required<std::string>(key);
    if (!is_storage_name(out)) {
        object.reject(
            key, fmt::format("\"{}\" is not a name of 1 to 128 letters, digits, '.', '_' and '-'", out.substr(0, 64)));
    }
}

std::uint16_t read_port(JsonObject& object, const char* key, std::int64_t low) {
    const auto port = object.required<std::int64_t>(key);
    if (port < low || port > 65535) object.reject(key, fmt::format("{} is not a port", port));
    return static_cast<std::uint16_t>(port);
}

void read_run(JsonObject& object, RunIdentity& run) {
    run.uid = object.required<std::string>("uid");
    if (!is_uid(run.uid)) object.reject("uid", "expected 1 to 64 of [0-9a-z-]");
    run.object_namespace = object.value_or<std::string>("namespace", "");
    run.name = object.value_or<std::string>("name", "");
    run.attempt = object.required<std::int64_t>("attempt");
    if (run.attempt < 1) object.reject("attempt", "expected 1 or more");
    object.refuse_unknown();
}

/// Paths and host names go to C interfaces, where a zero byte would end them early.
bool has_zero(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

TlsSpec read_tls(JsonObject& object) {
    TlsSpec tls{.directory = object.value_or<std::string>("directory", ""),
                .trust = object.optional<std::vector<std::string>>("trust").value_or(std::vector<std::string>{}),
                .server_name = object.value_or<std::string>("serverName", "")};
    if (tls.directory.size() > kMaxPath) object.reject("directory", "longer than 4096 characters");
    if (tls.trust.size() > kMaxTrustFiles) object.reject("trust", "more than 8 files");
    for (const auto& file : tls.trust) {
        if (file.empty() || file.size() > kMaxPath) object.reject("trust", "expected paths of 1 to 4096 characters");
    }
    if (has_zero(tls.directory)) object.reject("directory", "holds a zero byte");
    if (std::any_of(tls.trust.begin(), tls.trust.end(), has_zero)) object.reject("trust", "holds a zero byte");
    if (has_zero(tls.server_name)) object.reject("serverName", "holds a zero byte");
    if (tls.server_name.size() > 253) object.reject("serverName", "longer than 253 characters");
    const auto name = object.value_or<std::string>("verification", "Full");
    if (const auto verification = parse_tls_verification(name)) {
        tls.verification = *verification;
    } else {
        object.reject("verification", fmt::format("found \"{}\", expected Full, Chain or None", name.substr(0, 64)));
    }
    if (tls.verification != TlsVerification::kNone && tls.directory.empty() && tls.trust.empty()) {
        object.reject("directory", "nothing to verify the source's certificate with: expected a directory or trust");
    }
    object.refuse_unknown();
    return tls;
}

void read_source(JsonObject& object, RunSpec& spec) {
    read_storage_name(object, "name", spec.source);
    object.each("endpoints", [&](JsonObject& element) {
        Endpoint endpoint{.host = element.required<std::string>("host"), .port = read_port(element, "port", 1)};
        if (endpoint.host.empty() || endpoint.host.size() > 253) element.reject("host", "expected 1 to 253 characters");
        endpoint.member = element.value_or<std::string>("member", "");
        if (endpoint.member.size() > 253) element.reject("member", "longer than 253 characters");
        element.refuse_unknown();
        spec.endpoints.push_back(std::move(endpoint));
    });
    if (spec.endpoints.size() > kMaxEndpoints) object.reject("endpoints", "more than 32");
    const auto policy = object.value_or<std::string>("policy", "PreferReplica");
    if (const auto known = parse_source_policy(policy)) {
        spec.policy = *known;
    } else {
        object.reject("policy",
                      fmt::format("found \"{}\", expected ReplicaOnly, PreferReplica or Any", policy.substr(0, 64)));
    }
    spec.max_lag = object.optional<std::int64_t>("maxLag");
    if (spec.max_lag && *spec.max_lag < 0) object.reject("maxLag", "negative");
    object.object("tls", [&](JsonObject& tls) { spec.tls = read_tls(tls); });
    object.refuse_unknown();
}

void read_timeout(JsonObject& object, const char* key, std::chrono::milliseconds& out) {
    const auto value = object.value_or<std::int64_t>(key, out.count());
    if (value < 1 || value > kMaxTimeoutMs) object.reject(key, "expected 1 ms to 30 days");
    out = std::chrono::milliseconds(value);
}

void read_enums(JsonObject& object, RunSpec& spec) {
    const auto command = object.required<std::string>("command");
    if (command == "Backup") {
        spec.command = Command::kBackup;
    } else if (command == "LookUp") {
        spec.command = Command::kLookUp;
    } else {
        object.reject("command", fmt::format("found \"{}\", expected Backup or LookUp", command.substr(0, 64)));
    }
    const auto compression = object.value_or<std::string>("compression", "Zstd");
    if (compression != "Zstd" && compression != "None") {
        object.reject("compression", fmt::format("found \"{}\", expected None or Zstd", compression.substr(0, 64)));
    }
    spec.compression = compression == "None" ? Compression::kNone : Compression::kZstd;
}

void read_body(JsonObject& object, RunSpec& spec) {
    read_enums(object, spec);
    if (!object.object("run", [&](JsonObject& run) { read_run(run, spec.run); })) object.reject("run", "missing");
    if (!object.object("source", [&](JsonObject& source) { read_source(source, spec); })) {
        object.reject("source", "missing");
    }
    if (spec.command == Command::kBackup && spec.endpoints.empty()) {
        object.reject("source.endpoints", "at least one expected");
    }
    read_storage_name(object, "database", spec.database);
    const bool storage = object.object("storage", [&](JsonObject& member) {
        if (const auto type = member.required<std::string>("type"); type != "PersistentVolumeClaim") {
            member.reject("type", fmt::format("found \"{}\", expected PersistentVolumeClaim", type.substr(0, 64)));
        }
        spec.storage_path = member.required<std::string>("path");
        if (spec.storage_path.empty()) member.reject("path", "empty");
        member.refuse_unknown();
    });
    if (!storage) object.reject("storage", "missing");
    spec.connections = object.value_or<std::int64_t>("connections", 2);
    if (spec.connections < 1 || spec.connections > kMaxConnections) object.reject("connections", "expected 1 to 8");
    if (const auto deadline = object.optional<std::string>("deadline")) {
        const auto time = base::parse_rfc3339(*deadline);
        if (time) {
            spec.deadline = *time;
        } else {
            object.reject("deadline", time.error().message);
        }
    }
    object.object("timeouts", [&](JsonObject& timeouts) {
        read_timeout(timeouts, "connectMs", spec.timeouts.connect);
        read_timeout(timeouts, "prepareMs", spec.timeouts.prepare);
        read_timeout(timeouts, "stallMs", spec.timeouts.stall);
        timeouts.refuse_unknown();
    });
    spec.bandwidth_limit = object.value_or<std::int64_t>("bandwidthLimit", 0);
    if (spec.bandwidth_limit != 0 && (spec.bandwidth_limit < kMinBandwidth || spec.bandwidth_limit > kMaxBandwidth)) {
        object.reject("bandwidthLimit", "expected 0 (none), or 64 KiB to 1 TiB a second");
    }
    if (object.has("httpPort")) spec.http_port = read_port(object, "httpPort", 0);
}

}  // namespace

Result<RunSpec> parse_run_spec(std::string_view json) {
    const auto invalid = [](base::Error error) {
        error.reason = base::Reason::kInvalidRunSpec;
        return base::fail(std::move(error));
    };
    const auto document = base::parse_json(json, kMaxRunSpecBytes, "RunSpec");
    if (!document) return invalid(document.error());
    JsonObject object(*document, "");
    RunSpec spec;
    if (const auto version = object.required<std::int64_t>("schemaVersion"); version != kRunSpecVersion) {
        object.reject("schemaVersion", fmt::format("found {}, this runner knows {}", version, kRunSpecVersion));
    }
    read_body(object, spec);
    object.refuse_unknown();
    if (auto done = object.finish(); !done) return invalid(done.error().wrap("RunSpec"));
    return spec;
}

std::string to_json(const RunSpec& spec) {
    Json endpoints = Json::array();
    for (const auto& endpoint : spec.endpoints) {
        endpoints.push_back({{"host", endpoint.host}, {"port", endpoint.port}});
        if (!endpoint.member.empty()) endpoints.back()["member"] = endpoint.member;
    }
    Json json{
        {"schemaVersion", kRunSpecVersion},
        {"command", spec.command == Command::kBackup ? "Backup" : "LookUp"},
        {"run",
         {{"uid", spec.run.uid},
          {"namespace", spec.run.object_namespace},
          {"name", spec.run.name},
          {"attempt", spec.run.attempt}}},
        {"source", {{"name", spec.source}, {"endpoints", endpoints}, {"policy", to_string(spec.policy)}}},
        {"database", spec.database},
        {"storage", {{"type", "PersistentVolumeClaim"}, {"path", spec.storage_path}}},
        {"compression", to_string(spec.compression)},
        {"connections", spec.connections},
        {"timeouts",
         {{"connectMs", spec.timeouts.connect.count()},
          {"prepareMs", spec.timeouts.prepare.count()},
          {"stallMs", spec.timeouts.stall.count()}}},
        {"bandwidthLimit", spec.bandwidth_limit},
        {"httpPort", spec.http_port},
    };
    if (spec.max_lag) json["source"]["maxLag"] = *spec.max_lag;
    if (spec.tls) {
        json["source"]["tls"] = {{"directory", spec.tls->directory},
                                 {"trust", spec.tls->trust},
                                 {"verification", to_string(spec.tls->verification)},
                                 {"serverName", spec.tls->server_name}};
    }
    if (spec.deadline) json["deadline"] = base::format_rfc3339(*spec.deadline);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view to_string(Compression compression) {
    return compression == Compression::kNone ? "None" : "Zstd";
}

std::string_view to_string(SourcePolicy policy) {
    switch (policy) {
        case SourcePolicy::kReplicaOnly:
            return "ReplicaOnly";
        case SourcePolicy::kPreferReplica:
            return "PreferReplica";
        case SourcePolicy::kAny:
            return "Any";
    }
    return "Any";
}

std::optional<SourcePolicy> parse_source_policy(std::string_view name) {
    for (const auto policy : {SourcePolicy::kReplicaOnly, SourcePolicy::kPreferReplica, SourcePolicy::kAny}) {
        if (name == to_string(policy)) return policy;
    }
    return std::nullopt;
}

std::string_view to_string(TlsVerification verification) {
    switch (verification) {
        case TlsVerification::kFull:
            return "Full";
        case TlsVerification::kChain:
            return "Chain";
        case TlsVerification::kNone:
            return "None";
    }
    return "Full";
}

std::optional<TlsVerification> parse_tls_verification(std::string_view name) {
    for (const auto verification : {TlsVerification::kFull, TlsVerification::kChain, TlsVerification::kNone}) {
        if (name == to_string(verification)) return verification;
    }
    return std::nullopt;
}

bool is_storage_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
               c == '-';
    });
}

}  // namespace n4b::contract
