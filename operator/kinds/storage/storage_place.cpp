#include "operator/kinds/storage/storage_place.hpp"

#include <fmt/format.h>

#include "operator/run/locks.hpp"
#include "operator/run/mounts.hpp"

namespace n4b::storage {
namespace {

constexpr char kVolume[] = "/backup";
constexpr char kCredentials[] = "/storage/credentials";
constexpr char kCa[] = "/storage/ca";
constexpr char kToken[] = "/storage/token";
constexpr char kProxy[] = "/storage/proxy";

using base::Reason;
using contract::S3CredentialsFrom;

/// Whether the pod gets a token of ours. Without a role named here, EKS mounts its own.
bool has_token(const S3& s3) {
    return s3.credentials_from == S3CredentialsFrom::kWebIdentity && !s3.web_identity.role_arn.empty();
}

contract::WebIdentity web_identity_of(const S3& s3) {
    contract::WebIdentity identity{.role_arn = s3.web_identity.role_arn, .sts_endpoint = s3.web_identity.sts_endpoint};
    if (has_token(s3)) identity.token_file = std::string(kToken) + "/" + run::kTokenFile;
    return identity;
}

contract::ProxySpec proxy_of(const Proxy& proxy) {
    contract::ProxySpec spec{.url = proxy.url, .credentials_dir = proxy.credentials.empty() ? "" : kProxy};
    for (const auto& host : proxy.no_proxy) spec.no_proxy += (spec.no_proxy.empty() ? "" : ",") + host;
    return spec;
}

}  // namespace

std::optional<run::Hindrance> closed_place(const std::string& name, const Storage* storage,
                                           const std::optional<api::Claim>& claim) {
    if (storage == nullptr) {
        return run::Hindrance{Reason::kStorageNotFound,
                              fmt::format("no Neo4jBackupStorage \"{}\" in this namespace", name)};
    }
    if (storage->spec.s3) return std::nullopt;
    if (!claim) {
        return run::Hindrance{Reason::kStorageNotReady,
                              fmt::format("no PersistentVolumeClaim \"{}\" in this namespace", storage->spec.claim)};
    }
    if (claim->terminating) {
        return run::Hindrance{Reason::kStorageNotReady, fmt::format("claim {} is being deleted", storage->spec.claim)};
    }
    return std::nullopt;
}

std::optional<std::string> volume_lock(const Storage& storage, const std::optional<api::Claim>& claim) {
    if (!claim || !claim->exclusive()) return std::nullopt;
    return run::claim_lock(storage.meta.object_namespace, storage.spec.claim);
}

api::PodProfile profile_of(const Storage& storage, const api::Resources& resources, const run::RunnerConfig& config) {
    auto profile = api::merged(config.defaults, storage.spec.runner);
    profile.resources = api::merged(profile.resources, resources);
    return profile;
}

std::vector<run::Mount> mounts_of(const Storage& storage) {
    const auto& s3 = storage.spec.s3;
    if (!s3) return {run::claim_mount("backups", kVolume, storage.spec.claim)};
    std::vector<run::Mount> mounts;
    if (s3->credentials_from == S3CredentialsFrom::kAutomatic) {
        mounts.push_back(run::secret_mount(run::kStorageCredentialsVolume, kCredentials, s3->credentials));
    }
    if (has_token(*s3)) {
        const auto& identity = s3->web_identity;
        mounts.push_back(run::token_mount(run::kStorageTokenVolume, kToken, identity.audience,
                                          std::chrono::ceil<std::chrono::seconds>(identity.token_lifetime)));
    }
    if (s3->ca) mounts.push_back(run::key_mount(run::kStorageCaVolume, kCa, *s3->ca));
    if (s3->proxy && !s3->proxy->credentials.empty()) {
        mounts.push_back(run::secret_mount(run::kStorageProxyVolume, kProxy, s3->proxy->credentials));
    }
    return mounts;
}

void name_storage(const Storage& storage, contract::RunSpec& spec) {
    const auto& s3 = storage.spec.s3;
    if (!s3) {
        spec.storage_path = kVolume;
        if (!storage.spec.path.empty()) spec.storage_path += "/" + storage.spec.path;
        return;
    }
    spec.storage_s3 = contract::S3Location{.endpoint = s3->endpoint,
                                           .bucket = s3->bucket,
                                           .region = s3->region,
                                           .prefix = s3->prefix,
                                           .path_style = s3->path_style,
                                           .allow_insecure = s3->allow_insecure,
                                           .encryption = s3->encryption,
                                           .kms_key_id = s3->kms_key_id,
                                           .credentials_from = s3->credentials_from,
                                           .lock = s3->lock};
    auto& told = *spec.storage_s3;
    if (s3->credentials_from == S3CredentialsFrom::kAutomatic) told.credentials_dir = kCredentials;
    if (s3->credentials_from == S3CredentialsFrom::kWebIdentity) told.web_identity = web_identity_of(*s3);
    if (s3->proxy) told.proxy = proxy_of(*s3->proxy);
    if (s3->ca) told.ca_file = std::string(kCa) + "/" + run::kKeyFile;
}

void name_repository(const Storage& storage, contract::RunSpec& spec) {
    spec.repository = storage.status.repository;
    spec.initialize = spec.repository.empty();
    spec.new_repository = spec.initialize ? storage.meta.uid : std::string();
}

}  // namespace n4b::storage
