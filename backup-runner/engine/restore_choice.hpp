#pragma once

#include <string>

#include "backup-runner/engine/catalogue.hpp"

namespace n4b::engine {

/// The artifact to restore up to, which may go on from others (read_chain): the last of the chain named, or (empty) of
/// the one that reaches the highest transaction. Closed
/// chains hold none. NotFound (ArtifactNotFound): there is none. Conflict (ArtifactConflict): the chain named is
/// closed. What is or may be the newest backup, or one in a chain that is named, can't be read: the error of that head,
/// such as ArtifactDamaged or ArtifactNotSupported. FailedPrecondition (ChainAmbiguous): the newest reaches less far
/// than another.
base::Result<Artifact> choose_artifact(object_store::ObjectStore& store, const format::Layout& layout,
                                       const std::string& chain, const object_store::Call& call,
                                       const PassedOverHead& passed_over = warn_of_head);

/// The first artifact of a chain that reaches a transaction, so that nothing behind it is needed. NotFound
/// (ArtifactNotFound): none does. Other errors as choose_artifact's for a chain.
base::Result<Artifact> choose_for_transaction(object_store::ObjectStore& store, const format::Layout& layout,
                                              const std::string& chain, std::int64_t transaction,
                                              const object_store::Call& call);

}  // namespace n4b::engine
