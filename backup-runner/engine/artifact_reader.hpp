#pragma once

#include <functional>

#include "backup-runner/archive/index.hpp"
#include "backup-runner/archive/zstd_stream.hpp"
#include "backup-runner/engine/catalogue.hpp"

namespace n4b::engine {

/// Reads the index of an artifact line by line in constant memory, after its digests were checked against the head.
/// DataLoss (ArtifactDamaged): a digest, a size, a line or the end does not match.
base::Result<void> read_index(storage::Storage& storage, const Artifact& artifact,
                              const std::function<base::Result<void>(const archive::IndexLine&)>& take);

/// Where a file of the index goes in a restored store, relative to it. DataLoss (ArtifactDamaged): it would leave the
/// store, or is no path at all.
base::Result<std::string> restored_path(const archive::IndexFile& file);

/// Streams the plain form of a stored file into `sink` and checks sizes and digests of both forms. DataLoss
/// (ArtifactDamaged).
base::Result<void> read_file(storage::Storage& storage, const Artifact& artifact, const archive::IndexFile& file,
                             const archive::ByteSink& sink);

/// Checks every digest of an artifact.
base::Result<void> verify(storage::Storage& storage, const Artifact& artifact);

}  // namespace n4b::engine
