#pragma once

#include <optional>
#include <string>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/storage/storage.hpp"

namespace n4b::engine {

/// Where a restore writes.
struct RestoreTarget {
    std::string directory;
    /// Of the transaction log, for a server whose dbms.directories.tx_log is not its database directory; empty: the
    /// same.
    std::string log_directory{};
    std::optional<storage::Owner> owner{};
};

/// Writes a plain database directory, checking every digest on the way. The directories must not exist or be empty.
/// `neostore` comes last and a marker file stands there until the end, so nothing half-written is taken for a database.
/// FailedPrecondition (TargetNotEmpty): one of them is not. Invalid (InvalidRunSpec): they are one and the same.
/// DataLoss (ArtifactDamaged). Conflict (ArtifactConflict): the chain was closed meanwhile.
base::Result<void> restore(object_store::ObjectStore& from, const Artifact& artifact, const RestoreTarget& target,
                           const object_store::Call& call);

/// The same directories, open.
struct OpenTarget {
    storage::Storage& store;
    storage::Storage& log;  ///< May be the store.
    std::string name;       ///< Of the store's directory, for messages.
    std::string log_name{};
};
base::Result<void> restore(object_store::ObjectStore& from, const Artifact& artifact, const OpenTarget& target,
                           const object_store::Call& call);

}  // namespace n4b::engine
