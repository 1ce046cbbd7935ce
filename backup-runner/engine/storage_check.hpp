#pragma once

#include <optional>
#include <string>

#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::engine {

/// The storage that is checked.
struct CheckedStorage {
    object_store::ObjectStore& plain;    ///< Locks nothing that is stored, so that it can be deleted.
    object_store::ObjectStore& backups;  ///< As backups write to it; the same where they lock nothing.
};

/// Does once what backups do: creates an object under a name of its own, reads it back whole and in part, lists it,
/// creates it once more, deletes it, and asks for clock and free space. Where backups lock what they store, it asks for
/// the lock with a creation that the storage refuses since the name is taken; one that refuses none isn't asked. Leaves
/// nothing behind, unless the storage refuses the deletion since it locks what is stored: after an error too, the
/// object is removed where it may have been stored, which takes at most ten seconds longer. `name`: unique to this
/// call. The first thing that fails is the error, with its reason: the store's own, ArtifactDamaged (other bytes came
/// back), ArtifactConflict (the name is taken), StorageReplyInvalid (what was stored isn't listed, or what was deleted
/// is still there). The clock's offset is right within two seconds. Blocks.
base::Result<contract::StorageReport> check_storage(const CheckedStorage& storage, const std::string& name,
                                                    const base::Clock& clock, const object_store::Call& call);

/// What a look at a storage found.
struct StorageLook {
    std::optional<contract::StorageReport> abilities{};  ///< Nothing: check_storage() failed.
    std::string repository{};                            ///< Id of the one that is there as wished; empty: none.
    std::optional<base::Error> error{};                  ///< Why backups can't be made there; nothing: they can.
};

/// check_storage(), and then the repository, as open_repository() does it with `wish`. An empty place that failed the
/// check is made no repository. Where one of a known id is expected, that it is gone or another's is the error,
/// whatever else fails: full or not, it is the wrong place. A wish that only reads and expects no id takes a place
/// without a repository, too. Blocks.
StorageLook look_at_storage(const CheckedStorage& storage, const std::string& name, const format::RepositoryWish& wish,
                            const base::Clock& clock, const object_store::Call& call);

}  // namespace n4b::engine
