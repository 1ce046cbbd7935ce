#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/api/pod_profile.hpp"
#include "operator/run/next_attempt.hpp"
#include "operator/run/recovery_server.hpp"
#include "operator/run/run_owner.hpp"

namespace n4b::run {

/// Where a runner serves /progress.
inline constexpr std::uint16_t kRunnerHttpPort = 8080;

/// What the operator's own configuration decides about runners.
struct RunnerConfig {
    std::string image{};
    std::string pull_policy = "IfNotPresent";
    api::PodProfile defaults{};  ///< From the chart's values.
    std::string cluster{};       ///< By what the cluster is known in storages; empty: not known.
};

/// A volume of the runner's pod and where the runner finds it.
struct Mount {
    std::string name{};
    std::string path{};
    std::string volume{};  ///< JSON of the pod's volume, its name included.
    enum class Access { kRead, kWrite } access = Access::kRead;
};

struct JobRequest {
    const RunOwner& owner;
    const RunnerConfig& config;
    StartAttempt attempt{};
    api::PodProfile profile{};                    ///< Complete: nothing is merged into it any more.
    contract::RunSpec spec{};                     ///< The builder adds run, duration and the port.
    std::vector<Mount> mounts{};                  ///< The runner's.
    std::optional<RecoveryServer> server{};       ///< Works after the runner, in the same pod.
    std::map<std::string, std::string> labels{};  ///< Further ones of ours: source, database, storage.
    std::vector<std::string> locks{};             ///< What its pods hold while they live.
    std::chrono::milliseconds limit{};            ///< How long the attempt may take once it was let go.
};

/// "<name, cut to 40>-<8 digits of the uid>-<attempt>": at most 63 characters, since it becomes a label.
std::string job_name(const api::Meta& owner, std::int64_t attempt);

/// A digest of what the Job does: tells a Job that an earlier life of the operator made with today's settings from
/// another of the same name.
std::string job_digest(const JobRequest& request);

/// The Job as JSON: suspended, one pod, never restarted, restricted pod security, no credentials for Kubernetes,
/// controlled by its owner. With a server the runner is an init container, so that the server starts when the runner
/// has done its work, and has none of the runner's credentials.
std::string build_job(const JobRequest& request);

/// A text cut and cleaned so that it is a label's value; empty when nothing is left.
std::string label_value(std::string text);

}  // namespace n4b::run
