#include "backup-runner/app/store_opening.hpp"

#include <fmt/format.h>

#include <random>

#include "backup-runner/app/s3_way.hpp"
#include "backup-runner/object_store/s3_store.hpp"
#include "backup-runner/storage/storage.hpp"

namespace n4b::runner {
namespace {

using base::Result;

/// Uniform in [0, 1); each thread has its own engine.
double random_share() {
    thread_local std::mt19937 engine(std::random_device{}());
    return std::uniform_real_distribution<double>()(engine);
}

Result<std::unique_ptr<object_store::ObjectStore>> open_s3(const S3Choice& choice, int max_tries) {
    N4B_TRY(auto location, s3::make_location(choice.location));
    N4B_TRY(auto transport, open_way(choice, location.scheme));
    N4B_TRY(auto credentials, open_credentials(choice, location));
    return object_store::s3_store({.location = std::move(location),
                                   .transport = std::move(transport),
                                   .credentials = std::move(credentials),
                                   .clock = std::make_unique<base::RealClock>(),
                                   .random = random_share,
                                   .max_tries = max_tries});
}

s3::Addressing addressing_of(const std::optional<bool>& path_style) {
    if (!path_style) return s3::Addressing::kAutomatic;
    return *path_style ? s3::Addressing::kPath : s3::Addressing::kVirtualHost;
}

s3::ObjectLock lock_of(const std::optional<contract::ObjectLock>& lock) {
    if (!lock) return {};
    const bool compliance = lock->mode == contract::LockMode::kCompliance;
    return {.mode = compliance ? s3::LockMode::kCompliance : s3::LockMode::kGovernance,
            .time = std::chrono::days(lock->days)};
}

std::optional<contract::ObjectLock> lock_spec(const s3::ObjectLock& lock) {
    if (lock.mode == s3::LockMode::kNone) return std::nullopt;
    const bool compliance = lock.mode == s3::LockMode::kCompliance;
    return contract::ObjectLock{.mode = compliance ? contract::LockMode::kCompliance : contract::LockMode::kGovernance,
                                .days = lock.time.count()};
}

std::string name_of(s3::Encryption encryption) {
    switch (encryption) {
        case s3::Encryption::kNone:
            return {};
        case s3::Encryption::kAes256:
            return "AES256";
        case s3::Encryption::kKms:
            return "aws:kms";
    }
    return {};
}

}  // namespace

s3::Encryption encryption_of(std::string_view name) {
    if (name == "AES256") return s3::Encryption::kAes256;
    return name == "aws:kms" ? s3::Encryption::kKms : s3::Encryption::kNone;
}

void name_store(const StoreChoice& choice, contract::RunSpec& spec) {
    spec.storage_path = choice.directory;
    if (!choice.s3) return;
    const auto& location = choice.s3->location;
    spec.storage_s3 = contract::S3Location{.endpoint = location.endpoint,
                                           .bucket = location.bucket,
                                           .region = location.region,
                                           .prefix = location.prefix,
                                           .allow_insecure = location.allow_insecure,
                                           .encryption = name_of(location.encryption),
                                           .kms_key_id = location.kms_key_id,
                                           .ca_file = choice.s3->ca_file,
                                           .credentials_from = choice.s3->credentials_from,
                                           .credentials_dir = choice.s3->credentials_dir,
                                           .web_identity = choice.s3->web_identity,
                                           .proxy = choice.s3->proxy,
                                           .lock = lock_spec(location.lock)};
    if (location.addressing != s3::Addressing::kAutomatic) {
        spec.storage_s3->path_style = location.addressing == s3::Addressing::kPath;
    }
}

StoreChoice store_of(const contract::RunSpec& spec) {
    if (!spec.storage_s3) return {.directory = spec.storage_path};
    const auto& s3 = *spec.storage_s3;
    return {.s3 = S3Choice{.location = {.endpoint = s3.endpoint,
                                        .bucket = s3.bucket,
                                        .prefix = s3.prefix,
                                        .region = s3.region,
                                        .addressing = addressing_of(s3.path_style),
                                        .encryption = encryption_of(s3.encryption),
                                        .kms_key_id = s3.kms_key_id,
                                        .lock = lock_of(s3.lock),
                                        .allow_insecure = s3.allow_insecure},
                           .ca_file = s3.ca_file,
                           .credentials_from = s3.credentials_from,
                           .credentials_dir = s3.credentials_dir,
                           .web_identity = s3.web_identity,
                           .proxy = s3.proxy}};
}

Result<std::unique_ptr<object_store::ObjectStore>> open_store(const StoreChoice& choice, int max_tries) {
    if (choice.s3) return open_s3(*choice.s3, max_tries);
    return object_store::open_volume_store(choice.directory);
}

Result<std::unique_ptr<object_store::ObjectStore>> open_store_of(const contract::RunSpec& spec, int max_tries,
                                                                 bool dry_run) {
    if (!spec.storage_s3 && spec.initialize && !dry_run) {
        N4B_TRY([[maybe_unused]] const auto made, storage::create_volume(spec.storage_path));
    }
    auto store = open_store(store_of(spec), max_tries);
    if (store || spec.storage_s3 || store.error().code != base::ErrorCode::kNotFound) return store;
    const auto not_there = [&](std::string_view meaning) {
        return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kStorageNotInitialized,
                          fmt::format("{}{}", store.error().message, meaning));
    };
    if (!spec.repository.empty()) {
        return not_there(
            fmt::format(", but repository {} was here: a volume that isn't mounted, or another one", spec.repository));
    }
    if (!spec.initialize) return store;
    return not_there("; a backup would make this directory, and a dry run can tell more once it is there");
}

std::string describe(const StoreChoice& choice) {
    if (!choice.s3) return choice.directory;
    const auto location = s3::make_location(choice.s3->location);
    if (!location) return "s3://" + choice.s3->location.bucket;
    return fmt::format("s3://{}/{} at {}://{}", location->bucket, location->prefix, location->scheme, location->host);
}

}  // namespace n4b::runner
