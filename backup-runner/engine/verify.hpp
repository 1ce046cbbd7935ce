#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/progress.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// Checks every digest of an artifact, that its files are what a restore can write, and that it goes on from what it
/// names: the level Checksum. DataLoss (ArtifactDamaged). Conflict (ArtifactConflict): its chain was closed meanwhile.
/// `progress`: counts files and bytes; null: nobody watches.
base::Result<void> verify(object_store::ObjectStore& store, const Artifact& artifact, const object_store::Call& call,
                          ProgressCounters* progress = nullptr);

/// An artifact that was looked at, and is sound as far as that went.
struct Verified {
    Proof proof{};
    std::string note{};  ///< Why the level is less than was asked for; empty: it isn't.
};

/// Looks at artifacts up to a level. For Chain, those of a chain come in the order of their sequence, from the full on;
/// what was found of one is remembered for those that go on from it, and a chain is forgotten when the next one begins.
/// Changes nothing but the hold of a reader. One thread.
class Verifier {
public:
    /// `progress`: counts files and bytes; null: nobody watches.
    Verifier(object_store::ObjectStore& store, contract::VerifyLevel level, ProgressCounters* progress)
        : store_(store), level_(level), progress_(progress) {}

    /// Errors as verify()'s; also ArtifactDamaged where one that it goes on from is, and the error of that one where it
    /// could not be looked at.
    base::Result<Verified> verify(const Artifact& artifact, const object_store::Call& call);

private:
    /// What was found of an artifact of the chain.
    struct Link {
        std::set<int> unknown_commands{};   ///< Of it and all that it goes on from.
        std::vector<std::byte> neostore{};  ///< Of the chain's full, its fields.
    };
    base::Result<void> check_written(const Artifact& artifact, const object_store::Call& call);
    base::Result<Link> examine(const Artifact& artifact, const object_store::Call& call);
    base::Result<Link> examine_whole(const Artifact& artifact, const object_store::Call& call);
    base::Result<Link> link_of_parent(const Artifact& artifact) const;

    object_store::ObjectStore& store_;
    const contract::VerifyLevel level_;
    ProgressCounters* const progress_;
    std::string chain_{};                                ///< Of which something is remembered.
    std::map<std::string, base::Result<Link>> found_{};  ///< By the name of the head.
};

/// Looks at the last of a chain, and for the level Chain at all others before it. Errors as Verifier's.
base::Result<Verified> verify_tip(object_store::ObjectStore& store, const Artifact& tip, contract::VerifyLevel level,
                                  const object_store::Call& call, ProgressCounters* progress = nullptr);

}  // namespace n4b::engine
