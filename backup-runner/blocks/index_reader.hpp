#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "backup-runner/format/extent_encoder.hpp"
#include "backup-runner/format/index_line.hpp"
#include "backup-runner/object_store/object_store.hpp"

namespace n4b::blocks {

/// An artifact that is read; all borrowed.
struct StoredArtifact {
    object_store::ObjectStore& store;
    const std::string prefix;  ///< Of the blocks' keys; ends at a '/'.
    const format::Head& head;
};

/// Reads a whole block into `buffer`, which has room for block_bytes, and checks its length and SHA-256. DataLoss
/// (ArtifactDamaged), also when there is none.
base::Result<std::span<const std::byte>> load_block(const StoredArtifact& artifact, const format::BlockDigest& block,
                                                    std::span<std::byte> buffer, const object_store::Call& call);

using LineTaker = std::function<base::Result<void>(const format::IndexLine&)>;

/// Goes over the index line by line in constant memory: `buffer` has room for a block. DataLoss (ArtifactDamaged).
base::Result<void> read_index(const StoredArtifact& artifact, std::span<std::byte> buffer, const LineTaker& take,
                              const object_store::Call& call);

}  // namespace n4b::blocks
