#pragma once

#include <memory>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/backup_schedule/backup_schedule.hpp"
#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/source/source.hpp"

namespace n4b::backup_schedule {

/// Schedules at work. They look again when a backup of theirs changes, and when a chain in their storage does.
std::unique_ptr<kinds::KindLoop<BackupSchedule>> make_backup_schedule_loop(const kinds::Environment& environment,
                                                                           kinds::KindLoop<backup::Backup>& backups,
                                                                           kinds::KindLoop<chain::Chain>& chains,
                                                                           kinds::KindLoop<source::Source>& sources);

}  // namespace n4b::backup_schedule
