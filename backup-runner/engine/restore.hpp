#pragma once

#include <optional>
#include <string>

#include "backup-runner/engine/catalogue.hpp"

namespace n4b::engine {

/// The file that stands in a restored store until all of it is there.
inline constexpr char kRestoreMarker[] = "RESTORE-INCOMPLETE";

/// The artifact to restore: of the chain named, or (empty) of the one that reaches the highest transaction. Closed
/// chains hold none. NotFound (ArtifactNotFound): there is none. ArtifactConflict: the chain named is closed. What is
/// or may be the newest backup, any in a chain that is named, or all there are can't be read: the error of that head,
/// such as ArtifactDamaged or ArtifactNotSupported. FailedPrecondition (InvalidRunSpec): the newest reaches less far
/// than another.
base::Result<Artifact> choose_artifact(storage::Storage& storage, const std::string& source,
                                       const std::string& database, const std::string& chain,
                                       const PassedOverHead& passed_over = warn_of_head);

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
base::Result<void> restore(storage::Storage& storage, const Artifact& artifact, const RestoreTarget& target);

/// The same directories, open.
struct OpenTarget {
    storage::Storage& store;
    storage::Storage& log;  ///< May be the store.
    std::string name;       ///< Of the store's directory, for messages.
    std::string log_name{};
};
base::Result<void> restore(storage::Storage& storage, const Artifact& artifact, const OpenTarget& target);

}  // namespace n4b::engine
