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
#include "operator/api/meta.hpp"

namespace n4b::api {

struct ServicePort {
    std::string name{};
    std::string port{};  ///< The port's name.
    bool operator==(const ServicePort&) const = default;
};

/// A key of a Secret or ConfigMap of the backup's namespace.
struct KeyRef {
    bool secret = true;  ///< False: a ConfigMap.
    std::string name{};
    std::string key{};
    bool operator==(const KeyRef&) const = default;
};

/// How to speak to a source that is guarded by an SSL policy. The operator reads none of what is named here.
struct SourceTls {
    std::string secret{};  ///< Empty: no client certificate.
    std::vector<KeyRef> trust{};
    contract::TlsVerification verification = contract::TlsVerification::kFull;
    std::string server_name{};  ///< Empty: what was dialled.
    bool operator==(const SourceTls&) const = default;
};

/// How the runner's pod is to be. JSON texts go into the pod as they are: the schema of the CRD has bounded them.
struct RunnerSpec {
    std::string resources = "{}";
    std::string memory_limit = "128Mi";
    std::int64_t connections = 2;
    std::int64_t bandwidth_limit = 0;  ///< Bytes per second; 0: none.
    std::int64_t run_as_user = 7474;
    std::int64_t run_as_group = 7474;
    std::int64_t fs_group = 7474;
    std::string fs_group_change_policy = "OnRootMismatch";
    std::string node_selector{};  ///< Empty texts: not set.
    std::string tolerations{};
    std::string affinity{};
    std::string priority_class{};
    std::string labels{};
    std::string annotations{};
    bool operator==(const RunnerSpec&) const = default;
};

struct BackupSpec {
    std::string source{};
    std::vector<contract::Endpoint> endpoints{};
    std::optional<ServicePort> service{};
    contract::SourcePolicy policy = contract::SourcePolicy::kPreferReplica;
    std::optional<std::int64_t> max_lag{};
    std::optional<SourceTls> tls{};  ///< Nothing: clear text.
    std::string database{};
    std::string storage{};
    contract::Compression compression = contract::Compression::kZstd;
    RunnerSpec runner{};
    std::chrono::milliseconds start_deadline = std::chrono::hours(24);
    std::chrono::milliseconds start_timeout = std::chrono::minutes(10);
    std::chrono::milliseconds attempt_deadline = std::chrono::hours(6);
    std::chrono::milliseconds deadline = std::chrono::hours(24);
    contract::RunTimeouts timeouts{};
    std::int64_t retry_limit = 3;
    std::chrono::milliseconds retry_backoff = std::chrono::minutes(1);
    bool operator==(const BackupSpec&) const = default;
};

struct Attempt {
    std::int64_t number = 1;
    std::string job{};
    bool look_up = false;
    base::SystemTime started{};
    std::optional<base::SystemTime> ended{};
    std::string reason{};
    std::string message{};
    bool operator==(const Attempt&) const = default;
};

/// How far a run is, as its runner told.
struct RunProgress {
    std::int64_t bytes = 0;
    std::int64_t files = 0;
    std::int64_t rate = 0;  ///< Bytes per second.
    std::string phase{};
    base::SystemTime observed{};
    bool operator==(const RunProgress&) const = default;
};

struct BackupStatus {
    std::int64_t observed_generation = -1;
    std::vector<Attempt> attempts{};  ///< The last 10, oldest first.
    std::optional<base::SystemTime> started{};
    std::optional<base::SystemTime> completed{};
    std::string runner_image{};
    std::string memory_limit{};
    std::optional<contract::SourceReport> source{};
    std::optional<contract::TlsReport> tls{};  ///< Of the copy; nothing in clear text.
    std::optional<contract::ArtifactReport> artifact{};
    std::optional<RunProgress> progress{};  ///< Only while an attempt runs.
    std::vector<Condition> conditions{};
    bool operator==(const BackupStatus&) const = default;
};

struct Backup {
    Meta meta{};
    BackupSpec spec{};
    BackupStatus status{};

    /// True when Succeeded has left Unknown: it never changes again.
    [[nodiscard]] bool finished() const;
    [[nodiscard]] bool succeeded() const;
};

/// Where backups go.
struct Storage {
    Meta meta{};
    std::string claim{};
    std::string path{};
    std::int64_t observed_generation = -1;
    std::vector<Condition> conditions{};
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
/// The runner of a backup that has finished is not read.
base::Result<Backup> parse_backup(const nlohmann::json& json);
base::Result<Storage> parse_storage(const nlohmann::json& json);

/// A merge patch of the whole status, with the resourceVersion that was read as its precondition.
std::string status_patch(const Meta& meta, const BackupStatus& status);
std::string status_patch(const Meta& meta, std::int64_t observed_generation, const std::vector<Condition>& conditions);

/// Go-style durations of the schema's pattern: "90s", "1h30m", "1.5h". Invalid: anything else, or above 8760 h.
base::Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace n4b::api
