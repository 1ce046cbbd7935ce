#include "operator/kinds/storage/storage_place.hpp"

#include "operator/run/mounts.hpp"

namespace n4b::storage {
namespace {

constexpr char kVolume[] = "/backup";
constexpr char kCredentials[] = "/storage/credentials";
constexpr char kCa[] = "/storage/ca";

}  // namespace

std::vector<run::Mount> mounts_of(const Storage& storage) {
    const auto& s3 = storage.spec.s3;
    if (!s3) return {run::claim_mount("backups", kVolume, storage.spec.claim)};
    std::vector<run::Mount> mounts{run::secret_mount(run::kStorageCredentialsVolume, kCredentials, s3->credentials)};
    if (s3->ca) mounts.push_back(run::key_mount(run::kStorageCaVolume, kCa, *s3->ca));
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
                                           .credentials_dir = kCredentials};
    if (s3->ca) spec.storage_s3->ca_file = std::string(kCa) + "/" + run::kKeyFile;
}

void name_repository(const Storage& storage, contract::RunSpec& spec) {
    spec.repository = storage.status.repository;
    spec.initialize = spec.repository.empty();
    spec.new_repository = spec.initialize ? storage.meta.uid : std::string();
}

}  // namespace n4b::storage
