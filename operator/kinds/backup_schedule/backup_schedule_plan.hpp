#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/backup_schedule/backup_schedule.hpp"
#include "operator/run/run_machine.hpp"

namespace n4b::backup_schedule {

struct Facts {
    const BackupSchedule& schedule;
    std::vector<std::shared_ptr<const backup::Backup>> backups{};  ///< Those of its namespace that bear its label.
    /// Up to when all that was committed can be restored, of all backups of its source and database in its storage.
    std::optional<base::SystemTime> current_at{};
    base::SystemTime now{};  ///< By the API server's clock.
};

/// What to do. The order is part of the contract: make the backups, write the status, tell the events. Whoever ends in
/// between decides the same again, and finds the backups made, since their names come from their times.
struct Decision {
    std::vector<NewBackup> backups{};
    ScheduleStatus status{};
    std::vector<run::PlannedEvent> events{};
    std::optional<std::chrono::milliseconds> requeue{};
};

/// Pure and total. A cadence whose line or zone is wrong makes nothing, and the others go on.
Decision decide(const Facts& facts);

/// What is shown when one of the backups can't be made, such as where a quota is used up: all that is known, but
/// nothing of the decision, so that it is made again. `backup`: its name. `error`: what the API server said.
ScheduleStatus status_without_backups(const Decision& decision, const BackupSchedule& schedule,
                                      const std::string& backup, const std::string& error, base::SystemTime now);

/// "nightly-202611270300": of a backup that is made for a time.
std::string backup_name(const std::string& schedule, base::SystemTime slot);
/// Of a backup that a token asks for.
std::string backup_name_now(const std::string& schedule, const std::string& token);

}  // namespace n4b::backup_schedule
