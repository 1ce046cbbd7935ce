#include "backup-runner/app/store_opening.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <initializer_list>
#include <random>

#include "backup-runner/object_store/credentials.hpp"
#include "backup-runner/object_store/http_transport.hpp"
#include "backup-runner/object_store/s3_store.hpp"
#include "backup-runner/storage/storage.hpp"

namespace n4b::runner {
namespace {

using base::Result;

/// The first of these variables that is set, else an empty text.
std::string from_environment(std::initializer_list<const char*> names) {
    for (const auto* name : names) {
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
    }
    return {};
}

Result<std::unique_ptr<object_store::CredentialSource>> credentials_of(const S3Choice& choice) {
    if (!choice.credentials_dir.empty()) return object_store::directory_credentials(choice.credentials_dir);
    auto fixed = object_store::fixed_credentials({.key_id = from_environment({"AWS_ACCESS_KEY_ID"}),
                                                  .secret = from_environment({"AWS_SECRET_ACCESS_KEY"}),
                                                  .session_token = from_environment({"AWS_SESSION_TOKEN"})});
    if (!fixed) return base::fail(fixed.error().wrap("no --credentials-dir is given, and in the environment"));
    return fixed;
}

/// Uniform in [0, 1); each thread has its own engine.
double random_share() {
    thread_local std::mt19937 engine(std::random_device{}());
    return std::uniform_real_distribution<double>()(engine);
}

Result<std::unique_ptr<object_store::ObjectStore>> open_s3(const S3Choice& choice, int max_tries) {
    N4B_TRY(auto location, s3::make_location(choice.location));
    const bool clear = location.scheme == "http";
    N4B_TRY(auto transport,
            object_store::curl_transport({.ca_file = choice.ca_file,
                                          .proxy = clear ? from_environment({"HTTP_PROXY", "http_proxy"})
                                                         : from_environment({"HTTPS_PROXY", "https_proxy"}),
                                          .no_proxy = from_environment({"NO_PROXY", "no_proxy"}),
                                          .allow_insecure = choice.location.allow_insecure}));
    N4B_TRY(auto credentials, credentials_of(choice));
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
                                           .credentials_dir = choice.s3->credentials_dir};
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
                                        .allow_insecure = s3.allow_insecure},
                           .ca_file = s3.ca_file,
                           .credentials_dir = s3.credentials_dir}};
}

Result<std::unique_ptr<object_store::ObjectStore>> open_store(const StoreChoice& choice, int max_tries) {
    if (choice.s3) return open_s3(*choice.s3, max_tries);
    return object_store::open_volume_store(choice.directory);
}

Result<std::unique_ptr<object_store::ObjectStore>> open_store_of(const contract::RunSpec& spec, int max_tries) {
    const bool on_volume = !spec.storage_s3;
    if (on_volume && spec.initialize) {
        N4B_TRY([[maybe_unused]] const auto made, storage::create_volume(spec.storage_path));
    }
    auto store = open_store(store_of(spec), max_tries);
    if (store || !on_volume || spec.repository.empty() || store.error().code != base::ErrorCode::kNotFound) {
        return store;
    }
    return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kStorageNotInitialized,
                      fmt::format("{}, but repository {} was here: a volume that isn't mounted, or another one",
                                  store.error().message, spec.repository));
}

std::string describe(const StoreChoice& choice) {
    if (!choice.s3) return choice.directory;
    const auto location = s3::make_location(choice.s3->location);
    if (!location) return "s3://" + choice.s3->location.bucket;
    return fmt::format("s3://{}/{} at {}://{}", location->bucket, location->prefix, location->scheme, location->host);
}

}  // namespace n4b::runner
