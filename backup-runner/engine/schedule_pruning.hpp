#pragma once

#include "backup-runner/object_store/object_store.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// Carries out a RunSpec with the command Prune, for the chains whose full its schedule asked for.
///
/// Without spec.prune.chains it only plans: the report tells which chains go, which stay and why, and how many removals
/// were begun before and are not at their end. Nothing in the storage changes.
///
/// With them the plan is made anew. It removes those of the named chains that this plan still lets go, and goes on with
/// removals that were begun before. Chains that the new plan lets go, and that are not among those named, stay for now:
/// they have not been announced.
///
/// The report ends with Completed, also where a chain is held, locked, or waits for a writer. Where a chain could not
/// be removed, or nothing could be done, it ends with the first error.
contract::RunReport prune_for_schedule(const contract::RunSpec& spec, object_store::ObjectStore& store,
                                       const object_store::Call& call);

}  // namespace n4b::engine
