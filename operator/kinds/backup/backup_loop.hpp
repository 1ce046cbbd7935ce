#pragma once

#include <memory>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::backup {

/// The kind Neo4jBackup. Backups that wait look again when their source or storage changes.
std::unique_ptr<kinds::KindLoop<Backup>> make_backup_loop(const kinds::Environment& environment,
                                                          kinds::KindLoop<source::Source>& sources,
                                                          kinds::KindLoop<storage::Storage>& storages);

}  // namespace n4b::backup
