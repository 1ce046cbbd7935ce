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
constexpr std::size_t kMaxS3Text = 512;  // Twice the longest host name with scheme and port.
constexpr std::size_t kMaxChainName = 64;
constexpr std::size_t kMaxObjectName = 253;
constexpr std::size_t kMaxZoneName = 64;
constexpr std::size_t kMaxArn = 2048;  // As Amazon takes it.
constexpr std::int64_t kMaxTimeoutMs = std::int64_t{30} * 24 * 3600 * 1000;
constexpr std::int64_t kMaxDurationMs = std::int64_t{366} * 24 * 3600 * 1000;  // Far from where a clock overflows.

std::optional<Command> parse_command(std::string_view name) {
    for (const auto command : {Command::kBackup, Command::kLookUp, Command::kProbe, Command::kCheckStorage,
                               Command::kRestore, Command::kPrune}) {
        if (name == to_string(command)) return command;
    }
    return std::nullopt;
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

/// An id that may be left out.
void read_id(JsonObject& object, const char* key, std::string& out) {
    out = object.value_or<std::string>(key, "");
    if (!out.empty() && !is_uid(out)) object.reject(key, "expected 1 to 64 of [0-9a-z-]");
}

void read_run(JsonObject& object, RunIdentity& run) {
    run.uid = object.required<std::string>("uid");
    if (!is_uid(run.uid)) object.reject("uid", "expected 1 to 64 of [0-9a-z-]");
    run.object_namespace = object.value_or<std::string>("namespace", "");
    run.name = object.value_or<std::string>("name", "");
    run.attempt = object.required<std::int64_t>("attempt");
    if (run.attempt < 1) object.reject("attempt", "expected 1 or more");
    read_id(object, "cluster", run.cluster);
    run.schedule = object.value_or<std::string>("schedule", "");
    if (run.schedule.size() > kMaxObjectName) object.reject("schedule", "longer than 253 characters");
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

void read_endpoints(JsonObject& object, std::vector<Endpoint>& endpoints) {
    object.each("endpoints", [&](JsonObject& element) {
        Endpoint endpoint{.host = element.required<std::string>("host"), .port = read_port(element, "port", 1)};
        if (endpoint.host.empty() || endpoint.host.size() > 253) element.reject("host", "expected 1 to 253 characters");
        endpoint.member = element.value_or<std::string>("member", "");
        if (endpoint.member.size() > 253) element.reject("member", "longer than 253 characters");
        element.refuse_unknown();
        endpoints.push_back(std::move(endpoint));
    });
    if (endpoints.empty()) object.reject("endpoints", "at least one expected");
    if (endpoints.size() > kMaxEndpoints) object.reject("endpoints", "more than 32");
}

/// Whether a command looks at what is stored of a source, and speaks to no source.
bool names_source_only(Command command) {
    return command == Command::kLookUp || command == Command::kRestore || command == Command::kPrune;
}

void read_source(JsonObject& object, RunSpec& spec) {
    const bool needless = spec.command == Command::kProbe && !object.has("name");  // It looks at no storage.
    if (!needless) read_storage_name(object, "name", spec.source);
    if (names_source_only(spec.command)) return object.refuse_unknown();
    read_endpoints(object, spec.endpoints);
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

/// A text that goes to C interfaces and into messages.
void read_text(JsonObject& object, const char* key, std::size_t max, std::string& out) {
    out = object.value_or<std::string>(key, "");
    if (out.size() > max) object.reject(key, fmt::format("longer than {} characters", max));
    if (has_zero(out)) object.reject(key, "holds a zero byte");
}

/// Who gives credentials; beside another one it is refused.
void read_credentials(JsonObject& object, S3Location& s3) {
    read_text(object, "credentialsDir", kMaxPath, s3.credentials_dir);
    const auto choose = [&](const char* key, S3CredentialsFrom from, auto&& read) {
        const bool given = object.object(key, [&](JsonObject& member) {
            read(member);
            member.refuse_unknown();
        });
        if (!given) return;
        if (!s3.credentials_dir.empty() || s3.credentials_from != S3CredentialsFrom::kAutomatic) {
            object.reject(key, "found beside another source of credentials, expected one");
        }
        s3.credentials_from = from;
    };
    choose("webIdentity", S3CredentialsFrom::kWebIdentity, [&](JsonObject& member) {
        read_text(member, "roleArn", kMaxArn, s3.web_identity.role_arn);
        read_text(member, "tokenFile", kMaxPath, s3.web_identity.token_file);
        read_text(member, "stsEndpoint", kMaxS3Text, s3.web_identity.sts_endpoint);
    });
    choose("podIdentity", S3CredentialsFrom::kPodIdentity, [](JsonObject&) {});
    choose("instanceMetadata", S3CredentialsFrom::kInstanceMetadata, [](JsonObject&) {});
}

ProxySpec read_proxy(JsonObject& object) {
    ProxySpec proxy;
    read_text(object, "url", kMaxS3Text, proxy.url);
    if (proxy.url.empty()) object.reject("url", "missing");
    // The text may hold a password, so it isn't repeated.
    if (proxy.url.find('@') != std::string::npos) object.reject("url", "found user or password, expected none");
    read_text(object, "noProxy", kMaxPath, proxy.no_proxy);
    read_text(object, "credentialsDir", kMaxPath, proxy.credentials_dir);
    object.refuse_unknown();
    return proxy;
}

ObjectLock read_lock(JsonObject& object) {
    ObjectLock lock;
    const auto mode = object.required<std::string>("mode");
    if (const auto known = parse_lock_mode(mode)) {
        lock.mode = *known;
    } else {
        object.reject("mode", fmt::format("found \"{}\", expected Governance or Compliance", mode.substr(0, 64)));
    }
    lock.days = object.required<std::int64_t>("days");
    if (lock.days < 1 || lock.days > kMaxLockDays) object.reject("days", "expected 1 to 36500");
    object.refuse_unknown();
    return lock;
}

S3Location read_s3(JsonObject& object) {
    S3Location s3{.path_style = object.optional<bool>("pathStyle"),
                  .allow_insecure = object.value_or("allowInsecure", false)};
    read_text(object, "endpoint", kMaxS3Text, s3.endpoint);
    read_text(object, "bucket", kMaxS3Text, s3.bucket);
    read_text(object, "region", kMaxS3Text, s3.region);
    read_text(object, "prefix", kMaxS3Text, s3.prefix);
    read_text(object, "encryption", kMaxS3Text, s3.encryption);
    if (!s3.encryption.empty() && s3.encryption != "AES256" && s3.encryption != "aws:kms") {
        object.reject("encryption", "expected AES256 or aws:kms");
    }
    read_text(object, "kmsKeyId", kMaxArn, s3.kms_key_id);
    read_text(object, "caFile", kMaxPath, s3.ca_file);
    read_credentials(object, s3);
    object.object("proxy", [&](JsonObject& proxy) { s3.proxy = read_proxy(proxy); });
    object.object("objectLock", [&](JsonObject& lock) { s3.lock = read_lock(lock); });
    if (s3.bucket.empty()) object.reject("bucket", "missing");
    object.refuse_unknown();
    return s3;
}

void read_storage(JsonObject& object, RunSpec& spec) {
    read_id(object, "repository", spec.repository);
    spec.initialize = object.value_or("initialize", false);
    read_id(object, "newRepository", spec.new_repository);
    if (spec.initialize && !spec.repository.empty()) {
        object.reject("initialize",
                      "found beside repository, expected none: what holds a repository already is not made one");
    }
    if (!spec.initialize && !spec.new_repository.empty()) {
        object.reject("newRepository", "found without initialize, expected both or none");
    }
    if (object.object("s3", [&](JsonObject& s3) { spec.storage_s3 = read_s3(s3); })) {
        if (object.has("path")) object.reject("path", "found beside s3, expected one storage");
        return object.refuse_unknown();
    }
    spec.storage_path = object.required<std::string>("path");
    if (spec.storage_path.empty()) object.reject("path", "empty");
    object.refuse_unknown();
}

void read_verify(JsonObject& object, RunSpec& spec) {
    const auto level = object.value_or<std::string>("verify", "Written");
    const auto known = parse_verify_level(level);
    if (!known) {
        object.reject("verify", fmt::format("found \"{}\", expected Written, Checksum or Chain", level.substr(0, 64)));
    }
    spec.verify = known.value_or(spec.verify);
}

void read_backup(JsonObject& object, RunSpec& spec) {
    read_storage_name(object, "database", spec.database);
    read_verify(object, spec);
    if (spec.command == Command::kLookUp) return object.refuse_unknown();  // It copies nothing.
    const auto type = object.value_or<std::string>("type", "Full");
    if (const auto known = parse_backup_type(type)) {
        spec.type = *known;
    } else {
        object.reject("type", fmt::format("found \"{}\", expected Full, Incremental or Auto", type.substr(0, 64)));
    }
    const auto when = object.value_or<std::string>("onIncrementalImpossible", "Full");
    if (const auto known = parse_when_impossible(when)) {
        spec.when_impossible = *known;
    } else {
        object.reject("onIncrementalImpossible",
                      fmt::format("found \"{}\", expected Full or Fail", when.substr(0, 64)));
    }
    spec.max_chain_length = object.value_or<std::int64_t>("maxChainLength", kUsualChainLength);
    if (spec.max_chain_length < 1 || spec.max_chain_length > kMaxChainLength) {
        object.reject("maxChainLength", "expected 1 to 4096");
    }
    const auto compression = object.value_or<std::string>("compression", "Zstd");
    if (compression != "Zstd" && compression != "None") {
        object.reject("compression", fmt::format("found \"{}\", expected None or Zstd", compression.substr(0, 64)));
    }
    spec.compression = compression == "None" ? Compression::kNone : Compression::kZstd;
    spec.connections = object.value_or<std::int64_t>("connections", 2);
    if (spec.connections < 1 || spec.connections > kMaxConnections) object.reject("connections", "expected 1 to 8");
    spec.bandwidth_limit = object.value_or<std::int64_t>("bandwidthLimit", 0);
    if (spec.bandwidth_limit != 0 && (spec.bandwidth_limit < kMinBandwidth || spec.bandwidth_limit > kMaxBandwidth)) {
        object.reject("bandwidthLimit", "expected 0 (none), or 64 KiB to 1 TiB a second");
    }
    object.refuse_unknown();
}

/// A directory that a restore writes to; the operator names it from the root, so that nothing depends on where the
/// runner was started.
void read_directory(JsonObject& object, const char* key, std::string& out) {
    read_text(object, key, kMaxPath, out);
    if (!out.empty() && !out.starts_with('/')) object.reject(key, "expected a path from the root");
}

void read_transaction(JsonObject& object, const char* key, std::optional<std::int64_t>& out) {
    out = object.optional<std::int64_t>(key);
    if (out && *out < 1) object.reject(key, "expected 1 or more");
}

void read_restore(JsonObject& object, RunSpec& spec) {
    auto& restore = spec.restore;
    read_storage_name(object, "database", spec.database);
    read_text(object, "chain", kMaxChainName, restore.chain);
    read_transaction(object, "transaction", restore.transaction);
    read_transaction(object, "beforeTransaction", restore.before_transaction);
    if (const auto text = object.optional<std::string>("beforeTime")) {
        const auto time = base::parse_rfc3339(*text);
        if (!time) object.reject("beforeTime", time.error().message);
        restore.before_time = time ? std::optional(*time) : std::nullopt;
    }
    const int points = int{restore.transaction.has_value()} + int{restore.before_transaction.has_value()} +
                       int{restore.before_time.has_value()};
    if (points > 1) {
        object.reject("transaction", "found several of transaction, beforeTransaction and beforeTime, expected one");
    }
    read_directory(object, "directory", restore.directory);
    if (restore.directory.empty()) object.reject("directory", "missing");
    read_directory(object, "logDirectory", restore.log_directory);
    object.refuse_unknown();
}

void read_count(JsonObject& object, const char* key, std::int64_t& out) {
    out = object.value_or(key, out);
    if (out < 0 || out > kMostKept) object.reject(key, fmt::format("expected 0 to {}", kMostKept));
}

KeepSpec read_keep(JsonObject& object) {
    KeepSpec keep;
    read_count(object, "last", keep.last);
    if (const auto seconds = object.optional<std::int64_t>("withinSeconds")) {
        keep.within = std::chrono::seconds(*seconds);
        if (*seconds < 1 || *keep.within > kLongestKept) object.reject("withinSeconds", "expected 1 s to 100 years");
    }
    read_count(object, "daily", keep.daily);
    read_count(object, "weekly", keep.weekly);
    read_count(object, "monthly", keep.monthly);
    read_count(object, "yearly", keep.yearly);
    read_count(object, "minimumChains", keep.minimum_chains);
    if (keep.minimum_chains < 1) object.reject("minimumChains", "expected 1 or more");
    keep.time_zone = object.value_or("timeZone", keep.time_zone);
    if (keep.time_zone.empty() || keep.time_zone.size() > kMaxZoneName) {
        object.reject("timeZone", "expected a name of 1 to 64 characters");
    }
    object.refuse_unknown();
    return keep;
}

void read_prune(JsonObject& object, RunSpec& spec) {
    auto& prune = spec.prune;
    read_storage_name(object, "database", spec.database);
    if (!object.object("keep", [&](JsonObject& keep) { prune.keep = read_keep(keep); })) {
        object.reject("keep", "missing");
    }
    prune.chains = object.optional<std::vector<std::string>>("chains");
    if (prune.chains && prune.chains->size() > kMostPruned) {
        object.reject("chains", fmt::format("more than {}", kMostPruned));
    }
    for (const auto& chain : prune.chains.value_or(std::vector<std::string>())) {
        if (chain.empty() || chain.size() > kMaxChainName) object.reject("chains", "expected names of chains");
    }
    object.refuse_unknown();
}

void read_timeout(JsonObject& object, const char* key, std::chrono::milliseconds& out) {
    const auto value = object.value_or<std::int64_t>(key, out.count());
    if (value < 1 || value > kMaxTimeoutMs) object.reject(key, "expected 1 ms to 30 days");
    out = std::chrono::milliseconds(value);
}

void read_timeouts(JsonObject& object, RunTimeouts& timeouts) {
    read_timeout(object, "connectMs", timeouts.connect);
    read_timeout(object, "prepareMs", timeouts.prepare);
    read_timeout(object, "stallMs", timeouts.stall);
    object.refuse_unknown();
}

template <typename F>
void require_part(JsonObject& object, const char* key, F&& read) {
    if (!object.object(key, std::forward<F>(read))) object.reject(key, "missing");
}

void refuse_part(JsonObject& object, const char* key, Command command) {
    if (object.has(key)) object.reject(key, fmt::format("not a part of the command {}", to_string(command)));
}

/// Which parts a command has.
struct Parts {
    bool source = true;
    bool storage = true;
    bool backup = true;
    bool timeouts = true;
    bool restore = false;
    bool prune = false;
};

Parts parts_of(Command command) {
    switch (command) {
        case Command::kBackup:
            return {};
        case Command::kLookUp:
            return {.timeouts = false};
        case Command::kProbe:
            return {.storage = false, .backup = false};
        case Command::kCheckStorage:
            return {.source = false, .backup = false, .timeouts = false};
        case Command::kRestore:
            return {.backup = false, .timeouts = false, .restore = true};
        case Command::kPrune:
            return {.backup = false, .timeouts = false, .prune = true};
    }
    return {};
}

void read_parts(JsonObject& object, RunSpec& spec) {
    const auto parts = parts_of(spec.command);
    const auto read = [&](bool wanted, const char* key, auto&& read_part) {
        if (!wanted) return refuse_part(object, key, spec.command);
        require_part(object, key, [&](JsonObject& part) { read_part(part, spec); });
    };
    read(parts.source, "source", read_source);
    read(parts.storage, "storage", read_storage);
    read(parts.backup, "backup", read_backup);
    read(parts.restore, "restore", read_restore);
    read(parts.prune, "prune", read_prune);
    if (parts.prune && (spec.run.schedule.empty() || spec.run.object_namespace.empty())) {
        object.reject("run", "a prune needs schedule and namespace: they tell whose chains may go");
    }
    if (!parts.timeouts) return refuse_part(object, "timeouts", spec.command);
    object.object("timeouts", [&](JsonObject& timeouts) { read_timeouts(timeouts, spec.timeouts); });
}

void read_envelope(JsonObject& object, RunSpec& spec) {
    const auto command = object.required<std::string>("command");
    if (const auto known = parse_command(command)) {
        spec.command = *known;
    } else {
        object.reject("command",
                      fmt::format("found \"{}\", expected Backup, LookUp, Probe, CheckStorage, Restore or Prune",
                                  command.substr(0, 64)));
    }
    require_part(object, "run", [&](JsonObject& run) { read_run(run, spec.run); });
    if (const auto duration = object.optional<std::int64_t>("durationMs")) {
        if (*duration < 0 || *duration > kMaxDurationMs) object.reject("durationMs", "expected 0 ms to 366 days");
        spec.duration = std::chrono::milliseconds(*duration);
    }
    if (object.has("httpPort")) spec.http_port = read_port(object, "httpPort", 0);
}

Json source_json(const RunSpec& spec) {
    Json json = Json::object();
    if (spec.command != Command::kProbe || !spec.source.empty()) json["name"] = spec.source;
    if (names_source_only(spec.command)) return json;
    json["endpoints"] = Json::array();
    for (const auto& endpoint : spec.endpoints) {
        json["endpoints"].push_back({{"host", endpoint.host}, {"port", endpoint.port}});
        if (!endpoint.member.empty()) json["endpoints"].back()["member"] = endpoint.member;
    }
    json["policy"] = to_string(spec.policy);
    if (spec.max_lag) json["maxLag"] = *spec.max_lag;
    if (spec.tls) {
        json["tls"] = {{"directory", spec.tls->directory},
                       {"trust", spec.tls->trust},
                       {"verification", to_string(spec.tls->verification)},
                       {"serverName", spec.tls->server_name}};
    }
    return json;
}

void add_credentials(const S3Location& s3, Json& json) {
    switch (s3.credentials_from) {
        case S3CredentialsFrom::kAutomatic:
            json["credentialsDir"] = s3.credentials_dir;
            return;
        case S3CredentialsFrom::kWebIdentity:
            json["webIdentity"] = {{"roleArn", s3.web_identity.role_arn},
                                   {"tokenFile", s3.web_identity.token_file},
                                   {"stsEndpoint", s3.web_identity.sts_endpoint}};
            return;
        case S3CredentialsFrom::kPodIdentity:
            json["podIdentity"] = Json::object();
            return;
        case S3CredentialsFrom::kInstanceMetadata:
            json["instanceMetadata"] = Json::object();
            return;
    }
}

Json storage_json(const RunSpec& spec) {
    Json storage{{"repository", spec.repository}, {"initialize", spec.initialize}};
    if (!spec.new_repository.empty()) storage["newRepository"] = spec.new_repository;
    if (!spec.storage_s3) {
        storage["path"] = spec.storage_path;
        return storage;
    }
    const auto& s3 = *spec.storage_s3;
    Json json{{"endpoint", s3.endpoint},     {"bucket", s3.bucket},      {"region", s3.region},
              {"prefix", s3.prefix},         {"caFile", s3.ca_file},     {"allowInsecure", s3.allow_insecure},
              {"encryption", s3.encryption}, {"kmsKeyId", s3.kms_key_id}};
    if (s3.path_style) json["pathStyle"] = *s3.path_style;
    add_credentials(s3, json);
    if (s3.proxy) {
        json["proxy"] = {
            {"url", s3.proxy->url}, {"noProxy", s3.proxy->no_proxy}, {"credentialsDir", s3.proxy->credentials_dir}};
    }
    if (s3.lock) json["objectLock"] = {{"mode", to_string(s3.lock->mode)}, {"days", s3.lock->days}};
    storage["s3"] = std::move(json);
    return storage;
}

Json backup_json(const RunSpec& spec) {
    Json json{{"database", spec.database}};
    // Runners that know of no levels take a spec that asks for none.
    if (spec.verify != VerifyLevel::kWritten) json["verify"] = to_string(spec.verify);
    if (spec.command == Command::kLookUp) return json;
    json["type"] = to_string(spec.type);
    json["onIncrementalImpossible"] = to_string(spec.when_impossible);
    json["maxChainLength"] = spec.max_chain_length;
    json["compression"] = to_string(spec.compression);
    json["connections"] = spec.connections;
    json["bandwidthLimit"] = spec.bandwidth_limit;
    return json;
}

Json restore_json(const RunSpec& spec) {
    const auto& restore = spec.restore;
    Json json{{"database", spec.database}, {"directory", restore.directory}};
    if (!restore.chain.empty()) json["chain"] = restore.chain;
    if (restore.transaction) json["transaction"] = *restore.transaction;
    if (restore.before_transaction) json["beforeTransaction"] = *restore.before_transaction;
    if (restore.before_time) json["beforeTime"] = base::format_rfc3339_micro(*restore.before_time);
    if (!restore.log_directory.empty()) json["logDirectory"] = restore.log_directory;
    return json;
}

Json prune_json(const RunSpec& spec) {
    const auto& rules = spec.prune.keep;
    Json keep{{"last", rules.last},         {"daily", rules.daily},   {"weekly", rules.weekly},
              {"monthly", rules.monthly},   {"yearly", rules.yearly}, {"minimumChains", rules.minimum_chains},
              {"timeZone", rules.time_zone}};
    if (rules.within) keep["withinSeconds"] = rules.within->count();
    Json json{{"database", spec.database}, {"keep", std::move(keep)}};
    if (spec.prune.chains) json["chains"] = *spec.prune.chains;
    return json;
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
    read_envelope(object, spec);
    read_parts(object, spec);
    object.refuse_unknown();
    if (auto done = object.finish(); !done) return invalid(done.error().wrap("RunSpec"));
    return spec;
}

std::string to_json(const RunSpec& spec) {
    Json json{{"schemaVersion", kRunSpecVersion},
              {"command", to_string(spec.command)},
              {"run",
               {{"uid", spec.run.uid},
                {"namespace", spec.run.object_namespace},
                {"name", spec.run.name},
                {"attempt", spec.run.attempt}}},
              {"httpPort", spec.http_port}};
    if (!spec.run.cluster.empty()) json["run"]["cluster"] = spec.run.cluster;
    // Runners that know of no schedules take a run that has none.
    if (!spec.run.schedule.empty()) json["run"]["schedule"] = spec.run.schedule;
    if (spec.duration) json["durationMs"] = spec.duration->count();
    const auto parts = parts_of(spec.command);
    if (parts.source) json["source"] = source_json(spec);
    if (parts.storage) json["storage"] = storage_json(spec);
    if (parts.backup) json["backup"] = backup_json(spec);
    if (parts.restore) json["restore"] = restore_json(spec);
    if (parts.prune) json["prune"] = prune_json(spec);
    if (parts.timeouts) {
        json["timeouts"] = {{"connectMs", spec.timeouts.connect.count()},
                            {"prepareMs", spec.timeouts.prepare.count()},
                            {"stallMs", spec.timeouts.stall.count()}};
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view to_string(Command command) {
    switch (command) {
        case Command::kBackup:
            return "Backup";
        case Command::kLookUp:
            return "LookUp";
        case Command::kProbe:
            return "Probe";
        case Command::kCheckStorage:
            return "CheckStorage";
        case Command::kRestore:
            return "Restore";
        case Command::kPrune:
            return "Prune";
    }
    return "Backup";
}

std::string_view to_string(VerifyLevel level) {
    switch (level) {
        case VerifyLevel::kWritten:
            return "Written";
        case VerifyLevel::kChecksum:
            return "Checksum";
        case VerifyLevel::kChain:
            return "Chain";
    }
    return "Written";
}

std::optional<VerifyLevel> parse_verify_level(std::string_view name) {
    for (const auto level : {VerifyLevel::kWritten, VerifyLevel::kChecksum, VerifyLevel::kChain}) {
        if (name == to_string(level)) return level;
    }
    return std::nullopt;
}

std::string_view to_string(BackupType type) {
    switch (type) {
        case BackupType::kFull:
            return "Full";
        case BackupType::kIncremental:
            return "Incremental";
        case BackupType::kAuto:
            return "Auto";
    }
    return "Full";
}

std::optional<BackupType> parse_backup_type(std::string_view name) {
    for (const auto type : {BackupType::kFull, BackupType::kIncremental, BackupType::kAuto}) {
        if (name == to_string(type)) return type;
    }
    return std::nullopt;
}

std::string_view to_string(WhenImpossible when) {
    return when == WhenImpossible::kFull ? "Full" : "Fail";
}

std::optional<WhenImpossible> parse_when_impossible(std::string_view name) {
    for (const auto when : {WhenImpossible::kFull, WhenImpossible::kFail}) {
        if (name == to_string(when)) return when;
    }
    return std::nullopt;
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

std::string_view to_string(LockMode mode) {
    return mode == LockMode::kGovernance ? "Governance" : "Compliance";
}

std::optional<LockMode> parse_lock_mode(std::string_view name) {
    for (const auto mode : {LockMode::kGovernance, LockMode::kCompliance}) {
        if (name == to_string(mode)) return mode;
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

bool is_uid(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
    });
}

bool is_storage_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
               c == '-';
    });
}

}  // namespace n4b::contract
