#pragma once

#include <cstdint>
#include <optional>

#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/error.hpp"

namespace n4b::engine {

/// What was removed, and what kept the rest from it.
struct Removed {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
    bool hidden = false;  ///< The storage keeps versions: the room is not free yet.
    bool locked = false;  ///< The error is that the storage keeps an object locked for now.
    std::optional<base::Error> error{};
};

/// Removes the blocks of an artifact that has no head, several at a time, and what is no object among them. Nobody may
/// write to it any more. The first removal is alone: a storage that refuses it is not asked again.
Removed remove_blocks(object_store::ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                      const object_store::Call& call);

/// The same, then the rest of the artifact: its intent behind all blocks, so that what a failure leaves says until when
/// it may be written to; then the mark of one that had a head, so that nobody waits for that time in vain; and
/// abandoned.json behind all else, so that no head can count meanwhile.
Removed remove_artifact(object_store::ObjectStore& store, const format::Layout& layout,
                        const format::ArtifactName& name, const object_store::Call& call);

}  // namespace n4b::engine
