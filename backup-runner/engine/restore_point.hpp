#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "backup-runner/engine/chain.hpp"
#include "common/base/clock.hpp"

namespace n4b::engine {

/// What a restore brings back: the artifacts of a chain up to one of them, and how much of the last one's log.
struct RestorePoint {
    Chain chain{};                            ///< At least the full.
    std::int64_t transaction = 0;             ///< The last that is restored.
    std::optional<std::int64_t> log_bytes{};  ///< Of the last artifact's log; nothing: all of it.
    std::string doubt{};                      ///< Why transactions up to there may be missing; empty: none are.
};

/// The whole chain.
RestorePoint whole(Chain chain);

/// How many artifacts of a chain a restore to a time may read: those up to the first that holds a later commit, or all.
std::size_t artifacts_up_to(const Chain& chain, base::SystemTime time);

/// The part of a chain up to a transaction, which may lie within an artifact. What lies between two transactions of the
/// full is no state that the database ever had. Invalid (PointOutsideWindow): the transaction is outside the window,
/// which the message tells. Reads the index of the artifact that has it.
base::Result<RestorePoint> up_to_transaction(object_store::ObjectStore& store, Chain chain, std::int64_t transaction,
                                             const object_store::Call& call);

/// The part of a chain up to a time: to the last transaction before the first one that was committed later. Members
/// commit by their own clocks, so times do not only rise. Invalid (PointOutsideWindow): the time lies before the end of
/// the full, or after the moment when the last backup's source named its last transaction; the message tells both. The
/// point says where that source may have lagged. Reads the index and the log of the artifact that has the transaction.
base::Result<RestorePoint> up_to_time(object_store::ObjectStore& store, Chain chain, base::SystemTime time,
                                      const object_store::Call& call);

}  // namespace n4b::engine
