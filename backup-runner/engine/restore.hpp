#pragma once

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

/// Writes a plain database directory, checking every digest on the way. The target must not exist or be empty.
/// `neostore` comes last and a marker file stands there until the end, so nothing half-written is taken for a database.
/// FailedPrecondition: the target is not empty. DataLoss (ArtifactDamaged). Conflict (ArtifactConflict): the chain was
/// closed meanwhile.
base::Result<void> restore(storage::Storage& storage, const Artifact& artifact, const std::string& target);

/// The same into a directory that is open, and that messages call `name`.
base::Result<void> restore(storage::Storage& storage, const Artifact& artifact, storage::Storage& target,
                           const std::string& name);

}  // namespace n4b::engine
