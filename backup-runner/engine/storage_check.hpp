#pragma once

#include <string>

#include "backup-runner/object_store/object_store.hpp"
#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::engine {

/// Does once what backups do: creates an object under a name of its own, reads it back whole and in part, lists it,
/// creates it once more, deletes it, and asks for clock and free space. Leaves nothing behind: after an error too, the
/// object is removed where it may have been stored, which takes at most ten seconds longer. `name`: unique to this
/// call. The first thing that fails is the error, with its reason: the store's own, ArtifactDamaged (other bytes came
/// back), ArtifactConflict (the name is taken), StorageReplyInvalid (what was stored isn't listed, or what was deleted
/// is still there). The clock's offset is right within two seconds. Blocks.
base::Result<contract::StorageReport> check_storage(object_store::ObjectStore& store, const std::string& name,
                                                    const base::Clock& clock, const object_store::Call& call);

}  // namespace n4b::engine
