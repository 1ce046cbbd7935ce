#pragma once

#include <optional>
#include <string>

#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// Keeps a chain from being removed until then, or until the hold is taken away. A hold of the same name is replaced.
/// NotFound (ArtifactNotFound): there is no such chain. Conflict (ArtifactConflict): its removal has begun. Invalid
/// (InvalidRunSpec): the name is one that readers use.
base::Result<void> place_hold(object_store::ObjectStore& store, const format::Layout& layout, const std::string& chain,
                              const std::string& name, std::optional<base::SystemTime> until,
                              const object_store::Call& call);

/// False: there was none.
base::Result<bool> take_hold_away(object_store::ObjectStore& store, const format::Layout& layout,
                                  const std::string& chain, const std::string& name, const object_store::Call& call);

}  // namespace n4b::engine
