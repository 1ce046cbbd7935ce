#pragma once

#include <memory>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/backup_schedule/backup_schedule.hpp"
#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::backup_schedule {

/// The kinds that schedules read.
struct Neighbours {
    kinds::KindLoop<backup::Backup>& backups;
    kinds::KindLoop<chain::Chain>& chains;
    kinds::KindLoop<source::Source>& sources;
    kinds::KindLoop<storage::Storage>& storages;
};

/// Schedules at work. They look again when a backup of theirs changes, when a chain in their storage does, and when
/// their source or storage does.
std::unique_ptr<kinds::KindLoop<BackupSchedule>> make_backup_schedule_loop(const kinds::Environment& environment,
                                                                           const Neighbours& neighbours);

}  // namespace n4b::backup_schedule
