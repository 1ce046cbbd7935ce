#include "operator/kinds/storage/storage.hpp"

#include "common/base/quantity.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::storage {
namespace {

using base::Json;
using base::JsonObject;
using base::time_or_null;
using contract::ExclusiveCreate;

WebIdentity read_web_identity(JsonObject& object) {
    WebIdentity identity;
    identity.role_arn = object.value_or<std::string>("roleARN", "");
    identity.audience = object.value_or("audience", identity.audience);
    api::read_duration(object, "tokenLifetime", identity.token_lifetime);
    identity.sts_endpoint = object.value_or<std::string>("stsEndpoint", "");
    return identity;
}

/// Exactly one source of credentials.
void read_credentials(JsonObject& object, S3& s3) {
    using From = contract::S3CredentialsFrom;
    int given = 0;
    const auto choose = [&](const char* key, From from, auto&& read) {
        if (!object.object(key, read)) return;
        s3.credentials_from = from;
        ++given;
    };
    choose("credentialsSecretRef", From::kAutomatic,
           [&](JsonObject& ref) { s3.credentials = ref.required<std::string>("name"); });
    choose("webIdentity", From::kWebIdentity,
           [&](JsonObject& identity) { s3.web_identity = read_web_identity(identity); });
    choose("podIdentity", From::kPodIdentity, [](JsonObject&) {});
    choose("instanceMetadata", From::kInstanceMetadata, [](JsonObject&) {});
    if (given == 0) object.reject("credentialsSecretRef", "missing, and so is every other source of credentials");
    if (given > 1) object.reject("credentialsSecretRef", "found more than one source of credentials, expected one");
}

Proxy read_proxy(JsonObject& object) {
    Proxy proxy{.url = object.required<std::string>("url"),
                .no_proxy = object.optional<std::vector<std::string>>("noProxy").value_or(std::vector<std::string>{})};
    object.object("credentialsSecretRef",
                  [&](JsonObject& ref) { proxy.credentials = ref.required<std::string>("name"); });
    return proxy;
}

void read_encryption(JsonObject& object, S3& s3) {
    const auto type = object.required<std::string>("type");
    if (type != "AES256" && type != "KMS") object.reject("type", "expected AES256 or KMS");
    s3.encryption = type == "KMS" ? "aws:kms" : type;
    s3.kms_key_id = object.value_or<std::string>("kmsKeyId", "");
}

contract::ObjectLock read_lock(JsonObject& object) {
    contract::ObjectLock lock{.days = object.required<std::int64_t>("days")};
    const auto mode = contract::parse_lock_mode(object.required<std::string>("mode"));
    if (!mode) object.reject("mode", "expected Governance or Compliance");
    lock.mode = mode.value_or(contract::LockMode::kGovernance);
    return lock;
}

S3 read_s3(JsonObject& object) {
    S3 s3{.bucket = object.required<std::string>("bucket"),
          .prefix = object.value_or<std::string>("prefix", ""),
          .region = object.value_or<std::string>("region", ""),
          .endpoint = object.value_or<std::string>("endpoint", ""),
          .path_style = object.optional<bool>("pathStyle"),
          .allow_insecure = object.value_or("allowInsecure", false)};
    read_credentials(object, s3);
    object.object("ca", [&](JsonObject& ca) { s3.ca = api::read_key_ref(ca); });
    object.object("proxy", [&](JsonObject& proxy) { s3.proxy = read_proxy(proxy); });
    object.object("encryption", [&](JsonObject& encryption) { read_encryption(encryption, s3); });
    object.object("objectLock", [&](JsonObject& lock) { s3.lock = read_lock(lock); });
    return s3;
}

void read_spec(JsonObject& object, StorageSpec& spec) {
    object.object("persistentVolumeClaim", [&](JsonObject& claim) {
        spec.claim = claim.required<std::string>("claimName");
        spec.path = claim.value_or<std::string>("path", "");
    });
    object.object("s3", [&](JsonObject& s3) { spec.s3 = read_s3(s3); });
    if (spec.claim.empty() && !spec.s3) object.reject("persistentVolumeClaim", "missing, and so is s3");
    api::read_duration(object, "probeInterval", spec.probe_interval);
    spec.runner = api::read_pod_profile(object, "runner");
}

std::optional<contract::StorageReport> read_found(JsonObject& status) {
    const auto exclusive = status.optional<std::string>("exclusiveCreate");
    if (!exclusive) return std::nullopt;
    contract::StorageReport found{
        .keeps_versions = status.value_or("keepsVersions", false),
        .clock_offset = std::chrono::milliseconds(status.value_or<std::int64_t>("clockOffsetMs", 0)),
        .free_bytes = status.optional<std::int64_t>("freeBytes"),
        .total_bytes = status.optional<std::int64_t>("totalBytes")};
    for (const auto known : {ExclusiveCreate::kHeld, ExclusiveCreate::kIgnored, ExclusiveCreate::kRefused}) {
        if (*exclusive == to_string(known)) found.exclusive_create = known;
    }
    return found;
}

FoundBackups read_catalogue(JsonObject& object) {
    return {.time = api::read_time(object, "time").value_or(base::SystemTime{}),
            .chains = object.value_or<std::int64_t>("chains", 0),
            .artifacts = object.value_or<std::int64_t>("artifacts", 0),
            .left_out = object.value_or<std::int64_t>("leftOut", 0)};
}

Json catalogue_json(const std::optional<FoundBackups>& catalogue) {
    if (!catalogue) return Json();
    return {{"time", base::format_rfc3339(catalogue->time)},
            {"chains", catalogue->chains},
            {"artifacts", catalogue->artifacts},
            {"leftOut", catalogue->left_out}};
}

void read_status(JsonObject& object, StorageStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    status.run = run::read_run_status(object);
    status.last_probe = api::read_time(object, "lastProbeTime");
    status.last_success = api::read_time(object, "lastSuccessTime");
    status.found = read_found(object);
    object.object("catalogue", [&](JsonObject& catalogue) { status.catalogue = read_catalogue(catalogue); });
    status.repository = object.value_or<std::string>("repository", "");
    object.object("display", [&](JsonObject& display) {
        status.display = {.location = display.value_or<std::string>("location", ""),
                          .free = display.value_or<std::string>("free", "")};
    });
    status.conditions = api::read_conditions(object);
}

/// "bucket" or "bucket/prefix", whether or not the prefix ends in '/'.
std::string below(std::string place, const std::string& path) {
    if (!path.empty()) place += "/" + path;
    if (place.ends_with('/')) place.pop_back();
    return place;
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

base::Result<Storage> parse_storage(const Json& json) {
    JsonObject object(json, "");
    Storage storage;
    storage.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, storage.spec); })) {
        object.reject("spec", "missing");
    }
    object.object("status", [&](JsonObject& status) { read_status(status, storage.status); });
    N4B_TRY_VOID(object.finish());
    return storage;
}

Display display_of(const StorageSpec& spec, const StorageStatus& status) {
    Display display{.location =
                        spec.s3 ? "s3://" + below(spec.s3->bucket, spec.s3->prefix) : below(spec.claim, spec.path)};
    if (status.found && status.found->free_bytes) display.free = base::bytes_for_people(*status.found->free_bytes);
    return display;
}

std::string status_json(const StorageStatus& status) {
    const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
    const auto& found = status.found;
    Json json{
        {"observedGeneration", status.observed_generation},
        {"lastProbeTime", time_or_null(status.last_probe)},
        {"lastSuccessTime", time_or_null(status.last_success)},
        {"repository", text_or_null(status.repository)},
        {"catalogue", catalogue_json(status.catalogue)},
        {"exclusiveCreate", found ? Json(to_string(found->exclusive_create)) : Json()},
        {"keepsVersions", found ? Json(found->keeps_versions) : Json()},
        {"clockOffsetMs", found ? Json(found->clock_offset.count()) : Json()},
        {"freeBytes", found ? or_null(found->free_bytes) : Json()},
        {"totalBytes", found ? or_null(found->total_bytes) : Json()},
        {"display", {{"location", text_or_null(status.display.location)}, {"free", text_or_null(status.display.free)}}},
        {"conditions", api::conditions_json(status.conditions)}};
    run::write_run_status(json, status.run);
    return text_of(json);
}

std::string conditions_json(const StorageStatus& status) {
    return run::conditions_json(status.observed_generation, status.conditions);
}

}  // namespace n4b::storage
