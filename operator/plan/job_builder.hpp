#pragma once

#include <string>
#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/api/backup.hpp"

namespace n4b::plan {

/// Where a runner serves /progress.
inline constexpr std::uint16_t kRunnerHttpPort = 8080;

/// What the operator's own configuration decides about runners.
struct RunnerConfig {
    std::string image{};
    std::string pull_policy = "IfNotPresent";
};

struct JobRequest {
    const api::Backup& backup;
    const api::Storage& storage;
    const RunnerConfig& config;
    std::int64_t attempt = 1;
    bool look_up = false;
    std::vector<contract::Endpoint> endpoints{};
    base::SystemTime now{};
};

/// "<name, cut to 40>-<8 digits of the uid>-<attempt>": at most 63 characters, since it becomes a label.
std::string job_name(const api::Meta& backup, std::int64_t attempt);

/// A digest of what the Job does, deadlines apart: tells our own Job of this attempt from another of the same name.
std::string spec_digest(const api::Backup& backup, std::int64_t attempt, bool look_up);

/// The Job as JSON: one pod, never restarted, restricted pod security, memory always limited, no credentials for
/// Kubernetes, controlled by the backup.
std::string build_job(const JobRequest& request);

}  // namespace n4b::plan
