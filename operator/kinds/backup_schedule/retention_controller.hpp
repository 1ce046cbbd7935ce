#pragma once

#include <stop_token>
#include <utility>

#include "operator/kinds/backup_schedule/backups_of_schedules.hpp"
#include "operator/kinds/backup_schedule/schedule_retention.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kube/store.hpp"

namespace n4b::backup_schedule {

/// Drives the retention of schedules: starts the Jobs that plan and remove, and shows what they tell. Thread-safe for
/// different schedules.
class RetentionController {
public:
    struct Stores {
        const kube::Store<source::Source>& sources;
        const kube::Store<storage::Storage>& storages;
        const BackupsOfSchedules& backups;
    };
    RetentionController(const Stores& stores, kinds::Environment environment)
        : stores_(stores), environment_(std::move(environment)) {}

    /// `known`: the schedule as it is shown; where it has changed since, the live one is taken.
    base::Result<jobs::Requeue> look_at(const BackupSchedule& known, const std::stop_token& stop);

private:
    base::Result<jobs::Requeue> look_at(const BackupSchedule& schedule);
    void tell_what_went(const BackupSchedule& schedule);
    base::Result<jobs::Requeue> forget(const BackupSchedule& schedule);
    base::Result<jobs::Requeue> drive(const BackupSchedule& schedule, const ScheduleStatus& begun);
    base::Result<run::Preparation> prepare(const BackupSchedule& schedule);

    Stores stores_;
    kinds::Environment environment_;
};

}  // namespace n4b::backup_schedule
