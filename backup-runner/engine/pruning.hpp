#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/engine/chain_removal.hpp"
#include "backup-runner/engine/clean_up.hpp"
#include "backup-runner/retention/retention_plan.hpp"

namespace n4b::engine {

/// What is pruned: chains of one source and database, by the rules.
struct PruneWish {
    std::string source{};
    std::string database{};
    retention::KeepRules rules{};
    calendar::TimeZone zone;
    format::RunId run{};
    std::string repository{};  ///< Its id.
};

/// Which chains stay and which go, by what lies in the storage now. Chains whose removal has begun are not among them:
/// they are no backups any more. In memory are as many chains as a catalogue holds; of more, the newest are looked at,
/// and the others stay.
base::Result<retention::Plan> plan_pruning(object_store::ObjectStore& store, const PruneWish& wish,
                                           const object_store::Call& call);

/// A chain that was to go, and what became of it.
struct PrunedChain {
    std::string chain;
    base::Result<ChainRemoval> removal;
};

/// Removes what unfinished backups left, goes on with removals that were begun before, forgets those that ended long
/// ago, and then removes the chains that go by the plan, the oldest first. `tell` hears of each chain at once. A chain
/// that can't be removed holds up no other. Errors: those that end all of it, such as a storage that is gone.
base::Result<CleanedUp> prune(object_store::ObjectStore& store, const PruneWish& wish, const retention::Plan& plan,
                              const std::function<void(const PrunedChain&)>& tell, const object_store::Call& call);

}  // namespace n4b::engine
