#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backup-runner/object_store/object_store.hpp"
#include "backup-runner/s3/location.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

/// A bucket and how it is reached.
struct S3Choice {
    s3::LocationOptions location{};
    std::string ca_file{};  ///< PEM; empty: the system's certificates.
    contract::S3CredentialsFrom credentials_from = contract::S3CredentialsFrom::kAutomatic;
    std::string credentials_dir{};  ///< With kAutomatic; empty: as the environment says.
    contract::WebIdentity web_identity{};
    std::optional<contract::ProxySpec> proxy{};  ///< Nothing: as the environment says.
};

/// Which store is meant: a directory, or a bucket.
struct StoreChoice {
    std::string directory{};
    std::optional<S3Choice> s3{};
};

/// "AES256" or "aws:kms"; anything else asks for no encryption.
s3::Encryption encryption_of(std::string_view name);

/// The store that a RunSpec names.
StoreChoice store_of(const contract::RunSpec& spec);

/// The same the other way round.
void name_store(const StoreChoice& choice, contract::RunSpec& spec);

/// How often one request is sent at most, when each try fails in a way that is worth repeating: of commands for whose
/// answer somebody waits, and of backups, which sit out a restart of the storage.
inline constexpr int kFewTries = 5;
inline constexpr int kPatientTries = 40;

/// Opens the store. Of the environment it reads, where the choice names no proxy, HTTPS_PROXY and NO_PROXY (for http://
/// HTTP_PROXY; in lower case too) and, where it has no directory, the credentials. `max_tries`: requests for one call,
/// when each fails in a way that is worth repeating. Errors as make_location's, curl_transport's, the credentials' and
/// open_volume_store's.
base::Result<std::unique_ptr<object_store::ObjectStore>> open_store(const StoreChoice& choice, int max_tries);

/// The same for a run. On a volume it makes the directory where it is missing and the run may initialise a place, and
/// nowhere else, since what is missing may be a volume that isn't mounted. `dry_run`: it makes none. FailedPrecondition
/// (StorageNotInitialized): it is missing, and the run expects a repository there, or would have made the directory.
base::Result<std::unique_ptr<object_store::ObjectStore>> open_store_of(const contract::RunSpec& spec, int max_tries,
                                                                       bool dry_run = false);

/// "s3://BUCKET/PREFIX at https://HOST", or the directory.
std::string describe(const StoreChoice& choice);

}  // namespace n4b::runner
