#pragma once

#include "backup-runner/engine/catalogue.hpp"

namespace n4b::engine {

/// Checks every digest of an artifact, and that its files are what a restore can write. DataLoss (ArtifactDamaged).
/// Conflict (ArtifactConflict): its chain was closed meanwhile.
base::Result<void> verify(object_store::ObjectStore& store, const Artifact& artifact, const object_store::Call& call);

}  // namespace n4b::engine
