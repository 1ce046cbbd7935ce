#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/backup.hpp"
#include "operator/plan/attempt.hpp"
#include "operator/plan/next_attempt.hpp"

namespace n4b::plan {

/// Why a backup may not start now although it could.
enum class Gate { kOpen, kStorageNotFound, kClaimNotFound, kNoEndpoints, kQueued };

struct BackupInputs {
    const api::Backup& backup;
    std::optional<AttemptState> attempt{};  ///< Of the open attempt, if there is one.
    Gate gate = Gate::kOpen;                ///< Seen for a backup that wants to start an attempt.
    std::string gate_message{};
    /// A Job of the next attempt that is there already: an earlier life of the operator made it and could not record
    /// it.
    std::optional<StartAttempt> unrecorded{};
    std::string runner_image{};
    std::optional<api::RunProgress> progress{};  ///< What the runner of the open attempt told last.
    base::SystemTime now{};
};

struct PlannedEvent {
    bool warning = false;
    std::string reason{};
    std::string note{};
    std::string action = "Backup";
};

/// Which Jobs of the backup may go; the one of an open attempt never does.
enum class JobCleanup {
    kNone,
    kUnfinished,  ///< Those whose attempt has ended without them: they must not start late.
    kAll,         ///< The result is stored, and logs are of no use or old.
};

struct BackupPlan {
    std::optional<StartAttempt> start{};  ///< Create the Job before the status is written: a lost write finds it again.
    std::optional<base::SystemTime> give_up{};  ///< From when on a Job that can't be created ends the attempt.
    api::BackupStatus status{};
    std::vector<PlannedEvent> events{};
    std::optional<std::chrono::milliseconds> requeue{};
    JobCleanup cleanup = JobCleanup::kNone;
};

/// The attempt that has not ended, or null.
const api::Attempt* open_attempt(const api::BackupStatus& status);

/// Of the attempt that comes next, whatever it is to do.
std::int64_t next_number(const api::BackupStatus& status);

/// The name of the Job that must stay while others go: that of the open attempt, else that of the next one, which may
/// run unrecorded. Empty when the backup has finished.
std::string job_to_keep(const api::Backup& backup);

/// The attempt that is the next step, if one is: it needs a storage with its claim, a slot and, unless it only looks,
/// endpoints.
std::optional<StartAttempt> wanted_attempt(const api::Backup& backup, base::SystemTime now);

/// What to do with a backup now. Pure and total; see docs/operator.md for the life of a backup.
BackupPlan plan_backup(const BackupInputs& inputs);

/// The status while an attempt can't be started because the API server refuses or fails, which is tried again.
void hold_up(api::BackupStatus& status, std::int64_t generation, const std::string& message, base::SystemTime now);

/// The status after a Job could not be created for good (quota, admission, a name that somebody else owns).
void end_attempt(api::BackupStatus& status, base::Reason reason, const std::string& message, base::SystemTime now);

}  // namespace n4b::plan
