#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/backup_schedule/backup_schedule.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/run/preparation.hpp"

/// The retention of a schedule: a run that makes the plan, which is shown in status and events, and after it one that
/// removes what the plan has told. All of it is pure.
namespace n4b::backup_schedule {

/// The schedule as the run machine sees it. A run that nobody wants any more is cancelled.
run::RunOwner retention_owner(const BackupSchedule& schedule);

/// When the newest backups of a schedule ended that succeeded.
struct LastSuccesses {
    std::optional<base::SystemTime> any{};
    std::optional<base::SystemTime> full{};  ///< Of those that began a chain.
};
LastSuccesses last_successes(const std::vector<std::shared_ptr<const backup::Backup>>& backups);

/// A run of the retention that is due, and in how long; 0: now.
struct DueRetention {
    RetentionStep step = RetentionStep::kPlan;
    std::chrono::milliseconds left{};
};
/// Nothing: none will be due before the schedule or its backups change. Of a schedule whose last run has ended.
std::optional<DueRetention> due_retention(const BackupSchedule& schedule, const LastSuccesses& last,
                                          base::SystemTime now);

/// The status with which a run begins.
ScheduleStatus begun_retention(const BackupSchedule& schedule, RetentionStep step);

/// Whether status tells of a retention that spec does not ask for any more, and no run of it is under way.
bool is_forgotten(const BackupSchedule& schedule);
/// The status without it.
ScheduleStatus without_retention(const ScheduleStatus& status);

/// What a schedule refers to; null or nothing: there is none of that name.
struct RetentionReferences {
    const source::Source* source = nullptr;
    const storage::Storage* storage = nullptr;
    std::optional<api::Claim> claim{};
};
run::Preparation prepare_retention(const BackupSchedule& schedule, const RetentionReferences& refs,
                                   const run::RunnerConfig& config);

/// The status after a step of the run machine: plan, result, and the conditions Pruning and RetentionApplied. Adds
/// events to the step: RetentionPlanned before anything goes, RetentionApplied after.
ScheduleStatus status_after_retention(const BackupSchedule& schedule, run::RunStep& step, base::SystemTime now);

/// What the condition Pruning says of the run under way, or of the last one.
run::Verdict retention_verdict(const BackupSchedule& schedule);

}  // namespace n4b::backup_schedule
