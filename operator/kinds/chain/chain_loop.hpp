#pragma once

#include <memory>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::chain {

/// The kind Neo4jBackupChain. It shows what looks at storages find (environment.catalogue) and what backups tell when
/// they end.
std::unique_ptr<kinds::KindLoop<Chain>> make_chain_loop(const kinds::Environment& environment,
                                                        kinds::KindLoop<backup::Backup>& backups,
                                                        kinds::KindLoop<storage::Storage>& storages);

}  // namespace n4b::chain
