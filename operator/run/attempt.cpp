#include "operator/run/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/contract/exit_code.hpp"
#include "operator/run/mounts.hpp"

namespace n4b::run {
namespace {

using base::Reason;
using Phase = AttemptState::Phase;

// A look-up lists a directory and reads an index of some MiB at most; longer than this, the volume hangs.
constexpr auto kLookUpLimit = std::chrono::minutes(30);
constexpr auto kLostGrace = std::chrono::minutes(2);
constexpr std::size_t kMaxLastWords = 800;            // Room for them in a condition's message, beside what we say.
constexpr auto kNodeGrace = std::chrono::minutes(1);  // After a pod's own deletion grace: its kubelet is silent.

AttemptState ended(Reason reason, std::string message) {
    return {.phase = Phase::kEnded, .reason = reason, .message = std::move(message)};
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

/// Why Kubernetes itself ended the pod, if it did.
std::optional<AttemptState> disrupted(const api::Pod& pod) {
    if (pod.reason == "Evicted" || one_of(pod.disruption, {"EvictionByEvictionAPI", "PreemptionByScheduler"})) {
        return ended(Reason::kEvicted,
                     "the pod was evicted: " + (pod.message.empty() ? pod.disruption_message : pod.message));
    }
    if (pod.disruption == "TerminationByKubelet") {
        return ended(Reason::kEvicted, "the kubelet ended the pod: " + pod.disruption_message);
    }
    if (!pod.disruption.empty() || one_of(pod.reason, {"NodeLost", "NodeShutdown", "Terminated", "Shutdown"})) {
        return ended(Reason::kPodLost, fmt::format("the pod was lost with its node {}: {}", pod.node,
                                                   pod.message.empty() ? pod.disruption_message : pod.message));
    }
    return std::nullopt;
}

/// Whether it is this run's own. A runner that could not read its RunSpec doesn't know its run, but says so in our pod.
bool is_own(const contract::RunReport& report, const AttemptInputs& in, const api::ContainerState& runner) {
    if (report.run_uid == in.owner.meta.uid) return true;
    return report.run_uid.empty() && report.reason == Reason::kInvalidRunSpec &&
           runner.exit_code == static_cast<int>(contract::ExitCode::kBadInput);
}

AttemptState from_runner(const AttemptInputs& in, const api::ContainerState& runner) {
    auto report = contract::parse_run_report(runner.message);
    if (report && is_own(*report, in, runner)) {
        const bool deleted = in.pod->meta.deleted || in.job == nullptr || in.job->meta.deleted;
        if (report->reason == Reason::kCancelled) {
            if (auto state = disrupted(*in.pod)) return *state;
            if (deleted) return ended(Reason::kJobDeleted, "somebody deleted the pod or its Job while it ran");
        }
        const bool tells_backup = report->artifact || report->up_to_date;
        if (report->reason == Reason::kCompleted && !tells_backup &&
            in.owner.policy.lost_report == RunPolicy::LostReport::kMayHoldArtifact) {
            return ended(Reason::kNoReport, "the runner reports success without a backup");
        }
        AttemptState state = ended(report->reason, report->message);
        state.report = std::move(*report);
        return state;
    }
    if (runner.reason == "OOMKilled") {
        return ended(Reason::kOutOfMemory,
                     fmt::format("the runner was killed at its memory limit of {}", in.owner.memory_limit));
    }
    if (auto state = disrupted(*in.pod)) return *state;
    return ended(Reason::kNoReport,
                 fmt::format("the runner ended with exit code {} ({}) and no report; see the pod's log",
                             runner.exit_code, runner.reason));
}

const api::EventRecord* last_event(const AttemptInputs& in, std::initializer_list<std::string_view> reasons) {
    for (auto event = in.events.rbegin(); event != in.events.rend(); ++event) {
        if (one_of(event->reason, reasons)) return &*event;
    }
    return nullptr;
}

/// What a pod that does not run yet is waiting for.
AttemptState waiting(const AttemptInputs& in) {
    if (in.job != nullptr && in.job->suspended) {
        return {.phase = Phase::kSuspended,
                .reason = Reason::kStartTimeout,
                .message = "the Job is made, but could not be let go yet"};
    }
    const bool servers_turn = in.pod != nullptr && in.pod->is_servers_turn();
    AttemptState state{.phase = Phase::kStarting,
                       .reason = Reason::kStartTimeout,
                       .message = servers_turn ? "the server that is to recover the database has not started"
                                               : "the container has not started"};
    if (in.pod == nullptr) {
        state.message = "the Job has no pod yet";
        if (const auto* event = last_event(in, {"FailedCreate"})) {
            state = {.phase = Phase::kStarting, .reason = Reason::kPodRejected, .message = event->message};
        }
        return state;
    }
    if (!in.pod->unschedulable.empty()) {
        return {.phase = Phase::kStarting, .reason = Reason::kUnschedulable, .message = in.pod->unschedulable};
    }
    const auto* container = in.pod->current();
    if (container != nullptr && one_of(container->reason, {"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull",
                                                           "InvalidImageName", "ImageInspectError"})) {
        return {.phase = Phase::kStarting,
                .reason = Reason::kImageNotPullable,
                .message = container->reason + ": " + container->message};
    }
    if (container != nullptr &&
        one_of(container->reason, {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})) {
        return {.phase = Phase::kStarting,
                .reason = Reason::kPodRejected,
                .message = container->reason + ": " + container->message};
    }
    if (const auto* event = last_event(in, {"FailedMount", "FailedAttachVolume", "FailedMapVolume"})) {
        // Any other mount fails because of the claim.
        return {
            .phase = Phase::kStarting,
            .reason = is_about_credentials(event->message) ? Reason::kCredentialsNotFound : Reason::kVolumeNotMountable,
            .message = event->message};
    }
    return state;
}

/// When the attempt's time began to count.
base::SystemTime begin_of(const AttemptInputs& in) {
    if (in.job != nullptr && in.job->started) return *in.job->started;
    return in.attempt.started;
}

/// When the container that is to work next could start.
base::SystemTime turn_of(const AttemptInputs& in) {
    const auto begin = begin_of(in);
    if (in.pod == nullptr || !in.pod->is_servers_turn()) return begin;
    return std::max(begin, in.pod->runner->finished.value_or(begin));  // The node's clock may be behind.
}

/// The end of what a container said, on one line.
std::string last_words(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    if (text.size() > kMaxLastWords) {
        auto begin = text.size() - kMaxLastWords;
        // Not in the middle of a UTF-8 character.
        while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xc0U) == 0x80U) ++begin;
        text = "..." + text.substr(begin);
    }
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

AttemptState from_server(const AttemptInputs& in, const api::ContainerState& server) {
    if (server.exit_code == 0) return ended(Reason::kCompleted, "");
    if (server.reason == "OOMKilled") {
        return ended(Reason::kOutOfMemory,
                     fmt::format("the server that was to recover the database was killed at its memory limit of {}",
                                 in.owner.server_memory_limit));
    }
    if (auto state = disrupted(*in.pod)) return *state;
    const auto begin = begin_of(in);
    const bool late =
        server.finished.value_or(in.now) > begin + attempt_limit(in.owner, in.status, begin, in.attempt.look_up);
    if (late || (in.job != nullptr && in.job->failed && in.job->failed_reason == "DeadlineExceeded")) {
        return ended(Reason::kAttemptDeadlineExceeded, "the server had not recovered the database by then");
    }
    if (in.pod->meta.deleted || in.job == nullptr || in.job->meta.deleted) {
        return ended(Reason::kJobDeleted, "somebody deleted the pod or its Job while a server recovered the database");
    }
    const auto words = last_words(server.message);
    return ended(Reason::kRecoveryFailed,
                 words.empty() ? fmt::format("the server's container ended with exit code {} ({}) and no message; see "
                                             "the log of container \"server\"",
                                             server.exit_code, server.reason)
                               : words);
}

AttemptState without_container_end(const AttemptInputs& in) {
    if (in.pod != nullptr && in.pod->phase == "Failed") {
        if (auto state = disrupted(*in.pod)) return *state;
        return ended(Reason::kPodRejected,
                     fmt::format("the node refused the pod: {}: {}", in.pod->reason, in.pod->message));
    }
    // A runner whose Job was deleted is being ended, and still says how that went: it removes what it wrote, or has
    // finished.
    const auto* container = in.pod != nullptr ? in.pod->current() : nullptr;
    const bool works = container != nullptr && container->running && !is_lost(*in.pod, in.now);
    if (in.job == nullptr && !works) return ended(Reason::kJobDeleted, "somebody deleted the Job " + in.attempt.job);
    if (in.job != nullptr && in.job->failed && in.job->failed_reason == "DeadlineExceeded") {
        return ended(Reason::kAttemptDeadlineExceeded,
                     "the attempt took longer than timeouts.attempt, or the run longer than timeouts.run");
    }
    if (in.job != nullptr && in.job->failed && in.pod == nullptr)
        return ended(Reason::kJobDeleted, "somebody deleted the pod of Job " + in.attempt.job);
    if (in.job != nullptr && in.job->complete && in.pod == nullptr)
        return ended(Reason::kNoReport, "the pod was gone before its report was read");
    if (in.pod != nullptr && is_lost(*in.pod, in.now)) {
        return ended(Reason::kPodLost,
                     fmt::format("the pod is being deleted and node {} doesn't answer", in.pod->node));
    }
    const auto begin = begin_of(in);
    const auto limit = attempt_limit(in.owner, in.status, begin, in.attempt.look_up);
    if (in.now > begin + limit + kLostGrace) {
        return ended(Reason::kLost, "no word from the attempt after its deadline");
    }
    if (container != nullptr && container->running) {
        return {.phase = Phase::kRunning, .reason = Reason::kRunning, .server_works = in.pod->is_servers_turn()};
    }
    AttemptState state = waiting(in);
    // The start must time out before the Job's own deadline does, which would hide what the pod waits for.
    if (in.now > std::min(turn_of(in) + in.owner.policy.start, begin + limit)) state.phase = Phase::kEnded;
    return state;
}

}  // namespace

std::chrono::milliseconds attempt_limit(const RunOwner& owner, const RunStatus& status, base::SystemTime start,
                                        bool look_up) {
    const auto& policy = owner.policy;
    if (look_up) return std::min<std::chrono::milliseconds>(policy.attempt, kLookUpLimit);
    const auto left = status.started.value_or(start) + policy.run - start;
    return std::clamp(left, std::chrono::milliseconds(0), policy.attempt);
}

bool is_lost(const api::Pod& pod, base::SystemTime now) {
    return pod.meta.deleted && now > *pod.meta.deleted + kNodeGrace;
}

AttemptState observe_attempt(const AttemptInputs& inputs) {
    const auto* pod = inputs.pod;
    if (pod == nullptr || !pod->runner || !pod->runner->terminated) return without_container_end(inputs);
    const auto runner = from_runner(inputs, *pod->runner);
    if (!pod->server || runner.reason != Reason::kCompleted) return runner;
    auto state = pod->server->terminated ? from_server(inputs, *pod->server) : without_container_end(inputs);
    if (state.reason == Reason::kCompleted) return runner;
    if (state.phase == Phase::kEnded) state.report = runner.report;
    return state;
}

}  // namespace n4b::run
