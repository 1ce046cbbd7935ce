#pragma once

#include <memory>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/restore/restore.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::restore {

/// The kind Neo4jRestore. Restores that wait look again when the backup or storage changes that their spec names.
std::unique_ptr<kinds::KindLoop<Restore>> make_restore_loop(const kinds::Environment& environment,
                                                            kinds::KindLoop<backup::Backup>& backups,
                                                            kinds::KindLoop<source::Source>& sources,
                                                            kinds::KindLoop<storage::Storage>& storages);

}  // namespace n4b::restore
