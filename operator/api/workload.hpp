#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/contract/run_spec.hpp"
#include "operator/api/meta.hpp"

namespace n4b::api {

/// A Job, as far as an attempt needs it.
struct Job {
    Meta meta{};
    bool suspended = false;                     ///< Made, but not yet let go.
    std::optional<base::SystemTime> started{};  ///< When it was let go, by the API server's clock.
    bool complete = false;
    bool failed = false;
    std::string failed_reason{};  ///< "DeadlineExceeded", "BackoffLimitExceeded", ...
    std::string failed_message{};
};

/// How a container of ours stands in a pod.
struct ContainerState {
    bool running = false;
    bool terminated = false;
    std::string reason{};   ///< Of waiting or terminated: "ImagePullBackOff", "OOMKilled", "Error", ...
    std::string message{};  ///< Of waiting; or the termination message.
    std::int64_t exit_code = 0;
    std::optional<base::SystemTime> finished{};  ///< When it terminated, by its node's clock.
};

struct Pod {
    Meta meta{};
    std::string phase{};
    std::string reason{};  ///< "Evicted", "NodeLost", ...
    std::string message{};
    std::string node{};
    std::string ip{};
    std::string source{};  ///< Our labels.
    std::string database{};
    std::string unschedulable{};  ///< The scheduler's message while it finds no node.
    std::string disruption{};     ///< Reason of the DisruptionTarget condition.
    std::string disruption_message{};
    std::optional<ContainerState> runner{};
    /// The container `server`, which starts when the runner is done. Only of a pod whose runner is an init container; a
    /// container of that name that somebody else has put into a runner's pod is none of ours.
    std::optional<ContainerState> server{};

    /// The container of ours that works, or comes next, or worked last. Null: nothing is known of any.
    [[nodiscard]] const ContainerState* current() const;
    /// Whether the server's turn has come: the runner is done, and did what it had to.
    [[nodiscard]] bool is_servers_turn() const;
    /// Whether all that we run in it has ended.
    [[nodiscard]] bool work_ended() const;
    /// Whether anything in it may still run, a container of somebody else included: it has its volumes mounted.
    [[nodiscard]] bool alive() const;
};

/// An Event of a Job, pod or claim.
struct EventRecord {
    std::string type{};
    std::string reason{};
    std::string message{};
};

base::Result<Job> parse_job(const nlohmann::json& json);
base::Result<Pod> parse_pod(const nlohmann::json& json);
base::Result<EventRecord> parse_event(const nlohmann::json& json);

/// Which claims any pod has mounted.
struct PodClaims {
    Meta meta{};
    bool alive = false;  ///< Nothing in a pod that is not has them mounted any more.
    std::vector<std::string> claims{};
};
base::Result<PodClaims> parse_pod_claims(const nlohmann::json& json);

/// A PersistentVolumeClaim.
struct Claim {
    std::string phase{};  ///< "Pending", "Bound", "Lost".
    bool terminating = false;
    std::vector<std::string> access_modes{};  ///< Of the claim's spec.

    /// Whether pods of several nodes can't mount it at once, so that two runs would keep each other waiting.
    [[nodiscard]] bool exclusive() const;
};
base::Result<Claim> parse_claim(const nlohmann::json& json);

/// Ready addresses of an EndpointSlice for the port of that name, each with its pod's name as member.
base::Result<std::vector<contract::Endpoint>> parse_ready_addresses(const nlohmann::json& slice,
                                                                    const std::string& port_name);

}  // namespace n4b::api
