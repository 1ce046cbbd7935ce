#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "operator/kinds/backup_schedule/backup_schedule_plan.hpp"
#include "operator/kinds/backup_schedule/backups_of_schedules.hpp"
#include "operator/kinds/backup_schedule/retention_controller.hpp"
#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kube/store.hpp"
#include "operator/kube/write_status.hpp"

namespace n4b::backup_schedule {

/// Makes the backups that schedules ask for, has old chains removed, and writes how schedules stand. Thread-safe for
/// different keys.
class BackupScheduleController {
public:
    struct Stores {
        const kube::Store<BackupSchedule>& schedules;
        const kube::Store<source::Source>& sources;
        const kube::Store<storage::Storage>& storages;
        const kube::Store<chain::Chain>& chains;
        const BackupsOfSchedules& backups;
    };
    BackupScheduleController(const Stores& stores, kinds::Environment environment)
        : stores_(stores),
          retention_({.sources = stores.sources, .storages = stores.storages, .backups = stores.backups}, environment),
          environment_(std::move(environment)) {}

    base::Result<jobs::Requeue> reconcile(const std::string& key, const std::stop_token& stop);

private:
    [[nodiscard]] std::optional<base::SystemTime> current_at(const BackupSchedule& schedule) const;
    base::Result<void> make(const BackupSchedule& schedule, const NewBackup& backup);
    base::Result<kube::StatusWrite> show(const BackupSchedule& schedule, const ScheduleStatus& status);

    Stores stores_;
    RetentionController retention_;
    kinds::Environment environment_;
};

}  // namespace n4b::backup_schedule
