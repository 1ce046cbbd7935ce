#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/reason.hpp"
#include "common/contract/run_report.hpp"
#include "operator/api/backup.hpp"
#include "operator/api/workload.hpp"

namespace n4b::plan {

/// Everything that is known about the current attempt. Null: not there (seen live before an end is believed).
struct AttemptInputs {
    const api::Backup& backup;
    const api::Attempt& attempt;
    const api::Job* job = nullptr;
    const api::Pod* pod = nullptr;
    std::vector<api::EventRecord> events{};  ///< Of the Job and its pod, newest last; read when a start is late.
    base::SystemTime now{};
};

struct AttemptState {
    enum class Phase { kStarting, kRunning, kEnded } phase = Phase::kStarting;
    base::Reason reason = base::Reason::kPending;  ///< Why it waits, or how it ended.
    std::string message{};
    std::optional<contract::RunReport> report{};  ///< Of an ended one that could still speak.
};

/// How long an attempt that starts then may take: attemptDeadline, or what is left of the run's deadline (never below
/// 0). A look-up is how a run that is over learns its result, so the run's deadline does not bound it.
std::chrono::milliseconds attempt_limit(const api::Backup& backup, base::SystemTime start, bool look_up);

/// How the attempt stands. Total: every combination of what can be missing ends in a state, and time alone ends any
/// attempt (startTimeout, then attempt_limit and a grace).
AttemptState observe_attempt(const AttemptInputs& inputs);

}  // namespace n4b::plan
