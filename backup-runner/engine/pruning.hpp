#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/engine/chain_removal.hpp"
#include "backup-runner/engine/clean_up.hpp"
#include "backup-runner/retention/retention_plan.hpp"

namespace n4b::engine {

/// A schedule, as the heads of the fulls that it asked for name it.
struct ScheduleName {
    std::string cluster{};  ///< Of Kubernetes; empty: unknown, which only an unknown one equals.
    std::string name_space{};
    std::string name{};
};

/// What is pruned: chains of one source and database, by the rules.
struct PruneWish {
    std::string source{};
    std::string database{};
    retention::KeepRules rules{};
    calendar::TimeZone zone;
    format::RunId run{};
    std::string repository{};  ///< Its id.
    /// Only chains go whose full this schedule asked for; nothing: whoever asked for them.
    std::optional<ScheduleName> made_by{};
};

/// Which chains stay and which go, by what lies in the storage now. A chain that was closed, and of which no head is
/// gone, is judged like any other; but as long as it is closed no command takes anything from it, so it takes no other
/// one's place. Chains that have lost a head are not among them: they are no backups any more. In memory are as many
/// chains as a catalogue holds; of more, the newest are looked at, and the others stay. A hold that can't be read
/// counts, which is a warning.
base::Result<retention::Plan> plan_pruning(object_store::ObjectStore& store, const PruneWish& wish,
                                           const object_store::Call& call);

/// A chain that was to go or was closed, and what became of it.
struct PrunedChain {
    std::string chain;
    base::Result<ChainRemoval> removal;
};

/// Removes what unfinished backups left, goes on with removals that have begun, forgets those that ended long ago, and
/// then removes the chains that go by the plan, and by one that is made anew at that time, the oldest first. A chain
/// that the second plan keeps, such as where a newer one was found damaged meanwhile, is told as kHeld.
///
/// A chain that was closed, and of which no head is gone, is removed only where the plan lets it go. Where the plan
/// keeps it as one of the wisher's, it is told as kHeld: it is opened again, or stays closed until `wait_until`, while
/// another run may be removing it. One that the plan keeps as somebody else's, or says nothing of, stays as it is.
///
/// `tell` hears of each chain at once. A chain that can't be removed holds up no other. Errors: those that end all of
/// it, such as a storage that is gone.
base::Result<CleanedUp> prune(object_store::ObjectStore& store, const PruneWish& wish, const retention::Plan& plan,
                              const std::function<void(const PrunedChain&)>& tell, const object_store::Call& call);

}  // namespace n4b::engine
