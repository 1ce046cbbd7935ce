#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"
#include "operator/api/key_ref.hpp"
#include "operator/api/meta.hpp"
#include "operator/api/pod_profile.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::storage {

/// A role that a token of the runner's service account stands for.
struct WebIdentity {
    std::string role_arn{};  ///< Empty: what EKS adds to the pod by the annotation of its service account.
    std::string audience = "sts.amazonaws.com";
    std::chrono::milliseconds token_lifetime = std::chrono::hours(1);
    std::string sts_endpoint{};  ///< Empty: Amazon's of the region, elsewhere the bucket's endpoint.
    bool operator==(const WebIdentity&) const = default;
};

struct Proxy {
    std::string url{};
    std::vector<std::string> no_proxy{};
    std::string credentials{};  ///< A Secret with username and password; empty: it demands none.
    bool operator==(const Proxy&) const = default;
};

/// A bucket that speaks S3. The operator reads none of what is named here.
struct S3 {
    std::string bucket{};
    std::string prefix{};
    std::string region{};
    std::string endpoint{};            ///< Empty: Amazon's of the region.
    std::optional<bool> path_style{};  ///< Nothing: as the endpoint suggests.
    bool allow_insecure = false;
    contract::S3CredentialsFrom credentials_from = contract::S3CredentialsFrom::kAutomatic;
    std::string credentials{};        ///< The Secret with the key; with kAutomatic only, and set then.
    WebIdentity web_identity{};       ///< With kWebIdentity only.
    std::optional<api::KeyRef> ca{};  ///< Nothing: the system's certificates.
    std::optional<Proxy> proxy{};     ///< Nothing: none.
    std::string encryption{};         ///< "AES256" or "aws:kms"; empty: what the bucket does by itself.
    std::string kms_key_id{};
    std::optional<contract::ObjectLock> lock{};  ///< Nothing: what the bucket does by itself.
    bool operator==(const S3&) const = default;
};

/// Where backups go: a directory in the volume of a claim, or a bucket.
struct StorageSpec {
    std::string claim{};     ///< Empty: the storage is a bucket.
    std::string path{};      ///< Below the volume's root; empty: the root.
    std::optional<S3> s3{};  ///< Nothing: the storage is a volume.
    std::chrono::milliseconds probe_interval = std::chrono::hours(24);
    api::PodProfile runner{};  ///< Of every run on this storage.
    bool operator==(const StorageSpec&) const = default;
};

/// status.display: the columns of `kubectl get`, for people. No promise of the API.
struct Display {
    std::string location{};  ///< "s3://bucket/prefix", or "claim/path"
    std::string free{};      ///< "12.3 GiB"; empty: the storage doesn't tell.
    bool operator==(const Display&) const = default;
};

/// The backups there, as the last look that could list them found.
struct FoundBackups {
    base::SystemTime time{};  ///< When that look began.
    std::int64_t chains = 0;
    std::int64_t artifacts = 0;
    std::int64_t left_out = 0;  ///< Chains that are not shown, since there are too many.
    bool operator==(const FoundBackups&) const = default;
};

struct StorageStatus {
    std::int64_t observed_generation = -1;
    run::RunStatus run{};                            ///< Of the look under way, or the last one.
    std::optional<base::SystemTime> last_probe{};    ///< When the storage was looked at last.
    std::optional<base::SystemTime> last_success{};  ///< When it was last found to work.
    std::optional<contract::StorageReport> found{};  ///< What that look found.
    std::optional<FoundBackups> catalogue{};
    /// Id of the repository that backups go to; empty: none is known yet. It never changes: an object that is made anew
    /// takes the one that it finds.
    std::string repository{};
    Display display{};
    std::vector<api::Condition> conditions{};
    bool operator==(const StorageStatus&) const = default;
};

struct Storage {
    api::Meta meta{};
    StorageSpec spec{};
    StorageStatus status{};
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Storage> parse_storage(const nlohmann::json& json);

/// The status as JSON. What is not set is null, which removes it in a merge patch.
std::string status_json(const StorageStatus& status);
/// A status with nothing but its conditions.
std::string conditions_json(const StorageStatus& status);

/// What the columns should show.
Display display_of(const StorageSpec& spec, const StorageStatus& status);

}  // namespace n4b::storage
