#pragma once

#include <cstdint>
#include <optional>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/head_list.hpp"

namespace n4b::engine {

/// Who wants to go on from a chain.
struct TipWish {
    std::int64_t most_artifacts = 0;  ///< That the chain may have, the increment included.
    format::RunId run{};
    bool read_only = false;  ///< Nothing is put down about what is found.
};

/// The artifact that an increment goes on from: the furthest of the chain that began last. Nothing: there is no backup
/// yet. FailedPrecondition (ChainTooLong): its chain is as long as is wanted. DataLoss (ArtifactDamaged): one of its
/// chain's heads is missing, blocks are, or somebody found damage in it before; that it is damaged is put down as a
/// fact, so that nothing goes on from it later either. FailedPrecondition (ArtifactNotSupported): a head has a name
/// that this runner does not know. Also read_head's errors. By `heads`, as they were listed; lists the chain once and
/// reads the tip's head, and others only where the chain forks or its length has doubled.
base::Result<std::optional<Artifact>> find_tip(object_store::ObjectStore& store, const format::Layout& layout,
                                               const HeadList& heads, const TipWish& wish,
                                               const object_store::Call& call);

/// Puts down that the source had nothing behind this artifact at that time, in place of what was put down before.
base::Result<void> mark_up_to_date(object_store::ObjectStore& store, const Artifact& tip, base::SystemTime at,
                                   const format::RunId& run, const object_store::Call& call);

/// The name of another head at the same place of a chain, which goes on from the same artifact; of several the one that
/// is taken in place of all others. Nothing: there is none.
base::Result<std::optional<format::HeadName>> find_sibling(object_store::ObjectStore& store,
                                                           const format::Layout& layout, const format::HeadName& own,
                                                           const object_store::Call& call);

/// Whether of two heads at one place of a chain this one is taken: the one that reaches further, and of two that reach
/// as far, the one whose name comes later.
bool goes_before(const format::HeadName& one, const format::HeadName& other);

}  // namespace n4b::engine
