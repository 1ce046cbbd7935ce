#pragma once

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/progress.hpp"

namespace n4b::engine {

/// Checks every digest of an artifact, and that its files are what a restore can write. DataLoss (ArtifactDamaged).
/// Conflict (ArtifactConflict): its chain was closed meanwhile. `progress`: counts files and bytes; null: nobody
/// watches.
base::Result<void> verify(object_store::ObjectStore& store, const Artifact& artifact, const object_store::Call& call,
                          ProgressCounters* progress = nullptr);

}  // namespace n4b::engine
