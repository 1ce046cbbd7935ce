#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "backup-runner/object_store/object_store.hpp"
#include "common/base/clock.hpp"

namespace n4b::engine {

/// What happens to the second of two that create an object of one key.
enum class ExclusiveCreate {
    kHeld,     ///< It is refused.
    kIgnored,  ///< It replaces the first one's object.
    kRefused,  ///< The storage takes no conditional writes at all.
};

std::string_view to_string(ExclusiveCreate exclusive);

/// What a storage can do.
struct StorageAbilities {
    ExclusiveCreate exclusive_create = ExclusiveCreate::kHeld;
    bool keeps_versions = false;               ///< Objects that were deleted can still be had, and take room.
    std::chrono::milliseconds clock_offset{};  ///< The storage's clock less ours; within two seconds.
    std::optional<object_store::Space> space{};
};

/// Does once what backups do: creates an object under a name of its own, reads it back whole and in part, lists it,
/// creates it once more, deletes it, and asks for clock and free space. Leaves nothing behind: after an error too, the
/// object is removed where it may have been stored, which takes at most ten seconds longer. `name`: unique to this
/// call. The first thing that fails is the error, with its reason: the store's own, ArtifactDamaged (other bytes came
/// back), ArtifactConflict (the name is taken), StorageReplyInvalid (what was stored isn't listed, or what was deleted
/// is still there). Blocks.
base::Result<StorageAbilities> check_storage(object_store::ObjectStore& store, const std::string& name,
                                             const base::Clock& clock, const object_store::Call& call);

}  // namespace n4b::engine
