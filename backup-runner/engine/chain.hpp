#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backup-runner/engine/catalogue.hpp"

namespace n4b::engine {

/// A full and the increments that go on from it, in their order: what a restore needs to get to the last of them.
using Chain = std::vector<Artifact>;

/// The most artifacts of a chain that is read: each head takes some kilobytes of memory.
inline constexpr std::size_t kMostArtifacts = 4096;

/// Reads the head that an increment goes on from, and checks the link. Errors as read_chain's.
base::Result<Artifact> read_parent(object_store::ObjectStore& store, const format::Layout& layout,
                                   const Artifact& child, const object_store::Call& call);

/// Reads the heads that `tip` goes on from, back to the full, and checks each link. DataLoss (ArtifactDamaged): one is
/// missing, or is not the one that its successor names. Conflict (ArtifactConflict): one is abandoned.
/// FailedPrecondition (ArtifactNotSupported): more than kMostArtifacts.
base::Result<Chain> read_chain(object_store::ObjectStore& store, const format::Layout& layout, Artifact tip,
                               const object_store::Call& call);

/// Of the files and logs of all of them.
std::int64_t plain_bytes_of(const Chain& chain);

}  // namespace n4b::engine
