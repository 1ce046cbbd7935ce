#include "operator/api/workload.hpp"

#include <algorithm>
#include <string_view>

#include "operator/api/names.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::api {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

void read_container_state(JsonObject& state, ContainerState& container) {
    state.object("waiting", [&](JsonObject& waiting) {
        container.reason = waiting.value_or<std::string>("reason", "");
        container.message = waiting.value_or<std::string>("message", "");
    });
    container.running = state.object("running", [](JsonObject&) {});
    container.terminated = state.object("terminated", [&](JsonObject& terminated) {
        container.reason = terminated.value_or<std::string>("reason", "");
        container.message = terminated.value_or<std::string>("message", "");
        container.exit_code = terminated.value_or<std::int64_t>("exitCode", 0);
        container.finished = read_time(terminated, "finishedAt");
    });
}

/// The container of that name in one of the lists of a pod's status.
std::optional<ContainerState> read_container(JsonObject& status, const char* list, std::string_view name) {
    std::optional<ContainerState> found;
    status.each(list, [&](JsonObject& container) {
        if (container.required<std::string>("name") != name) return;
        ContainerState state;
        container.object("state", [&](JsonObject& object) { read_container_state(object, state); });
        found = std::move(state);
    });
    return found;
}

void read_containers(JsonObject& status, Pod& pod) {
    pod.runner = read_container(status, "initContainerStatuses", kRunnerContainer);
    if (pod.runner) {
        // Before its turn the kubelet may not list the server at all.
        pod.server = read_container(status, "containerStatuses", kServerContainer).value_or(ContainerState{});
    } else {
        pod.runner = read_container(status, "containerStatuses", kRunnerContainer);
    }
}

void read_pod_condition(JsonObject& condition, Pod& pod) {
    const auto type = condition.required<std::string>("type");
    const auto status = condition.required<std::string>("status");
    const auto message = condition.value_or<std::string>("message", "");
    const auto reason = condition.value_or<std::string>("reason", "");
    if (type == "PodScheduled" && status == "False") pod.unschedulable = message.empty() ? reason : message;
    if (type == "DisruptionTarget" && status == "True") {
        pod.disruption = reason;
        pod.disruption_message = message;
    }
}

bool is_living(std::string_view phase) {
    return phase != "Succeeded" && phase != "Failed";
}

}  // namespace

bool Pod::alive() const {
    return is_living(phase);
}

bool Pod::is_servers_turn() const {
    return server && runner && runner->terminated && runner->exit_code == 0;
}

const ContainerState* Pod::current() const {
    if (is_servers_turn()) return &*server;
    return runner ? &*runner : nullptr;
}

bool Pod::work_ended() const {
    const auto* container = current();
    return container != nullptr && container->terminated;
}

Result<Job> parse_job(const Json& json) {
    JsonObject object(json, "");
    Job job;
    job.meta = read_meta(object);
    object.object("spec", [&](JsonObject& spec) { job.suspended = spec.value_or("suspend", false); });
    object.object("status", [&](JsonObject& status) {
        job.started = read_time(status, "startTime");
        status.each("conditions", [&](JsonObject& condition) {
            if (condition.required<std::string>("status") != "True") return;
            const auto type = condition.required<std::string>("type");
            if (type == "Complete") job.complete = true;
            if (type != "Failed") return;
            job.failed = true;
            job.failed_reason = condition.value_or<std::string>("reason", "");
            job.failed_message = condition.value_or<std::string>("message", "");
        });
    });
    N4B_TRY_VOID(object.finish());
    return job;
}

Result<Pod> parse_pod(const Json& json) {
    JsonObject object(json, "");
    Pod pod;
    pod.meta = read_meta(object);
    object.object("metadata", [&](JsonObject& metadata) {
        metadata.object("labels", [&](JsonObject& labels) {
            pod.source = labels.value_or<std::string>(kSourceLabel, "");
            pod.database = labels.value_or<std::string>(kDatabaseLabel, "");
        });
    });
    object.object("spec", [&](JsonObject& spec) { pod.node = spec.value_or<std::string>("nodeName", ""); });
    object.object("status", [&](JsonObject& status) {
        pod.ip = status.value_or<std::string>("podIP", "");
        pod.phase = status.value_or<std::string>("phase", "");
        pod.reason = status.value_or<std::string>("reason", "");
        pod.message = status.value_or<std::string>("message", "");
        status.each("conditions", [&](JsonObject& condition) { read_pod_condition(condition, pod); });
        read_containers(status, pod);
    });
    N4B_TRY_VOID(object.finish());
    return pod;
}

Result<EventRecord> parse_event(const Json& json) {
    JsonObject object(json, "event");
    EventRecord event{.type = object.value_or<std::string>("type", ""),
                      .reason = object.value_or<std::string>("reason", ""),
                      .message = object.value_or<std::string>("message", "")};
    N4B_TRY_VOID(object.finish());
    return event;
}

bool Claim::exclusive() const {
    return !access_modes.empty() && std::all_of(access_modes.begin(), access_modes.end(), [](const auto& mode) {
        return mode == "ReadWriteOnce" || mode == "ReadWriteOncePod";
    });
}

Result<PodClaims> parse_pod_claims(const Json& json) {
    JsonObject object(json, "");
    PodClaims pod{.meta = read_meta(object)};
    object.object("spec", [&](JsonObject& spec) {
        spec.each("volumes", [&](JsonObject& volume) {
            volume.object("persistentVolumeClaim",
                          [&](JsonObject& claim) { pod.claims.push_back(claim.required<std::string>("claimName")); });
        });
    });
    object.object("status",
                  [&](JsonObject& status) { pod.alive = is_living(status.value_or<std::string>("phase", "")); });
    N4B_TRY_VOID(object.finish());
    return pod;
}

Result<Claim> parse_claim(const Json& json) {
    JsonObject object(json, "claim");
    Claim claim;
    object.object("metadata", [&](JsonObject& metadata) { claim.terminating = metadata.has("deletionTimestamp"); });
    object.object("spec", [&](JsonObject& spec) {
        claim.access_modes =
            spec.optional<std::vector<std::string>>("accessModes").value_or(std::vector<std::string>{});
    });
    object.object("status", [&](JsonObject& status) { claim.phase = status.value_or<std::string>("phase", ""); });
    N4B_TRY_VOID(object.finish());
    return claim;
}

Result<std::vector<contract::Endpoint>> parse_ready_addresses(const Json& slice, const std::string& port_name) {
    JsonObject object(slice, "EndpointSlice");
    std::vector<contract::Endpoint> result;
    std::optional<std::uint16_t> port;
    object.each("ports", [&](JsonObject& element) {
        if (element.value_or<std::string>("name", "") != port_name) return;
        const auto number = element.value_or<std::int64_t>("port", 0);
        if (number > 0 && number <= 65535) port = static_cast<std::uint16_t>(number);
    });
    if (!port) return result;
    object.each("endpoints", [&](JsonObject& endpoint) {
        bool ready = true;  // Absent means ready (discovery/v1).
        endpoint.object("conditions", [&](JsonObject& conditions) { ready = conditions.value_or("ready", true); });
        const auto addresses = endpoint.required<std::vector<std::string>>("addresses");
        std::string member;
        endpoint.object("targetRef", [&](JsonObject& target) {
            if (target.value_or<std::string>("kind", "") == "Pod") member = target.value_or<std::string>("name", "");
        });
        if (ready && !addresses.empty()) {
            result.push_back({.host = addresses[0], .port = *port, .member = std::move(member)});
        }
    });
    N4B_TRY_VOID(object.finish());
    return result;
}

}  // namespace n4b::api
