#pragma once

#include "backup-runner/engine/verify.hpp"

namespace n4b::engine {

/// How far a run wants its artifact to be looked at, and who it is.
struct LevelWish {
    contract::VerifyLevel level = contract::VerifyLevel::kWritten;
    format::RunId run{};
};

/// Brings a finished artifact of a run to the level that the run wants. What stands in the storage as reached already
/// is taken for it; else the artifact is looked at, and what was reached is put down. DataLoss (ArtifactDamaged): that
/// is put down too, so that nothing goes on from it. Also Verifier's errors. A level that can't be put down is a
/// warning.
base::Result<Verified> reach_level(object_store::ObjectStore& store, const Artifact& artifact, const LevelWish& wish,
                                   const object_store::Call& call, ProgressCounters* progress = nullptr);

}  // namespace n4b::engine
