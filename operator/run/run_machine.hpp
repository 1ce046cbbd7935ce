#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/run/attempt.hpp"
#include "operator/run/next_attempt.hpp"
#include "operator/run/run_owner.hpp"

namespace n4b::run {

/// What keeps an attempt from starting although it is due: a gate of its kind, or a lock that another run holds.
struct Hindrance {
    base::Reason reason = base::Reason::kPending;
    std::string message{};
    bool for_ever = false;  ///< Waiting can't help: the run fails.
};

struct RunInputs {
    const RunOwner& owner;
    const RunStatus& status;
    Verdict before{};                       ///< As it stands in the object's conditions.
    std::optional<AttemptState> attempt{};  ///< Of the open attempt, if there is one.
    std::optional<Hindrance> hindrance{};   ///< Seen for a run that wants to start an attempt.
    std::optional<Progress> progress{};     ///< What the runner of the open attempt told last.
    base::SystemTime now{};                 ///< By the API server's clock.
};

struct PlannedEvent {
    bool warning = false;
    std::string reason{};
    std::string note{};
};

/// What to do next. The order of the acts is part of the contract: make the Job (suspended), write the status with the
/// Job's uid in it, let the Job go, tell the events.
struct RunStep {
    std::optional<StartAttempt> start{};        ///< Make its Job; its uid goes into the last attempt of `status`.
    std::optional<base::SystemTime> give_up{};  ///< From when on a Job that can't be made ends the attempt.
    enum class OpenJob { kLeave, kLetGo, kRemove } open_job = OpenJob::kLeave;  ///< What becomes of the open attempt's.
    RunStatus status{};
    Verdict verdict{};
    std::optional<contract::RunReport> report{};  ///< Of an attempt that ended in this step.
    std::vector<PlannedEvent> events{};
    std::optional<std::chrono::milliseconds> requeue{};
};

/// Whether the run has made no attempt yet.
bool unstarted(const RunStatus& status);

/// The attempt that is the next step, if one is due: it needs open gates and its locks.
std::optional<StartAttempt> wanted_attempt(const RunOwner& owner, const RunStatus& status, base::SystemTime now);

/// What to do with a run that has not finished. Pure and total; docs/operator.md draws the states.
RunStep step(const RunInputs& inputs);

/// The verdict while an attempt can't be started because the API server refuses or fails; it is tried again.
Verdict held_up(const std::string& message);

/// Ends the last attempt.
void end_attempt(RunStatus& status, base::Reason reason, const std::string& message, base::SystemTime now);

/// Adds the event that tells how a run ended, where the step ends it: a warning where it failed. `what`: "backup".
void tell_end(RunStep& step, std::string_view what);

/// Until when a Job of the run stays. Nothing: as long as the run needs it. A time that has passed: remove the Job now.
/// Failed attempts keep their Job, and with it their log, for an hour; a Job whose container never ran could start late
/// and has no log, so it goes at once. `pod` is the Job's, or null.
std::optional<base::SystemTime> keep_job_until(const RunStatus& status, const api::Job& job, const api::Pod* pod);

/// What status.progress becomes when a runner has told `seen`: it changes at most every 10 s, and only for another
/// phase, for bytes or files that are 1 % apart, or when the flow stops or begins.
std::optional<Progress> next_progress(const std::optional<Progress>& before, const std::optional<Progress>& seen);

}  // namespace n4b::run
