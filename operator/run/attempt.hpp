#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/reason.hpp"
#include "common/contract/run_report.hpp"
#include "operator/api/workload.hpp"
#include "operator/run/run_owner.hpp"

namespace n4b::run {

/// Everything that is known about the open attempt. Null: not there (seen live before an end is believed).
struct AttemptInputs {
    const RunOwner& owner;
    const RunStatus& status;
    const Attempt& attempt;
    const api::Job* job = nullptr;           ///< The one whose uid the attempt recorded.
    const api::Pod* pod = nullptr;           ///< Controlled by that Job.
    std::vector<api::EventRecord> events{};  ///< Of the Job and its pod, newest last; read when a start is late.
    base::SystemTime now{};                  ///< By the API server's clock.
};

struct AttemptState {
    enum class Phase {
        kSuspended,  ///< The Job is recorded, but not yet let go.
        kStarting,
        kRunning,
        kEnded,
    } phase = Phase::kStarting;
    base::Reason reason = base::Reason::kPending;  ///< Why it waits, or how it ended.
    std::string message{};
    std::optional<contract::RunReport> report{};  ///< Of an ended one whose runner could still speak.
    bool server_works = false;                    ///< The runner is done, and a server works on what it restored.
};

/// How long an attempt that starts then may take: timeouts.attempt, or what is left of timeouts.run (never below 0).
/// A look-up is how a run that is over learns its result, so timeouts.run does not bound it.
std::chrono::milliseconds attempt_limit(const RunOwner& owner, const RunStatus& status, base::SystemTime start,
                                        bool look_up);

/// Whether the pod should have been gone a while ago: its node doesn't answer, and nobody can say whether it still
/// runs.
bool is_lost(const api::Pod& pod, base::SystemTime now);

/// How the attempt stands. Total: every combination of what can be missing ends in a state, and time alone ends any
/// attempt (timeouts.start, then attempt_limit and a grace). Time counts from when the Job was let go.
AttemptState observe_attempt(const AttemptInputs& inputs);

}  // namespace n4b::run
