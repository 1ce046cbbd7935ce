#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/source_line.hpp"
#include "backup-runner/engine/transaction_sink.hpp"

namespace n4b::engine {

/// How a pull for an increment ended.
struct IncrementPull {
    std::int64_t target = 0;  ///< The last transaction that the source had committed when it was asked.
    /// Right before that, by the storage's clock.
    base::SystemTime complete_at{};
};

/// Makes what new transactions are written to. Called when the first one comes, and once at most: where the source has
/// nothing new, nothing is made.
using OpenLog = std::function<base::Result<TransactionSink*>()>;

/// Pulls what the source has committed behind `tip`, the last artifact of a chain of the same store, up to the target,
/// which is fixed first. That the store id is the same does not prove a common history, so the last transaction that
/// the chain has is pulled again, and must be the same, byte for byte; only then does open_log hear of it. `session` is
/// open and becomes the connection; breaks are ridden out as SourceLine does. Memory does not grow with a transaction.
///
/// FailedPrecondition (HistoryDiverged): the source has another transaction of an id that the chain has. Unavailable
/// (SourceBehind): it has not come as far as the chain, and its last transaction is the chain's. Also check_pull's
/// errors, CopyInconsistent (its log ends below the target), and those of session, storage and open_log.
base::Result<IncrementPull> pull_increment(std::unique_ptr<catchup::Session> session, const CopySource& source,
                                           const format::Layout& layout, const Artifact& tip, const OpenLog& open_log,
                                           const BackupEnvironment& environment, const object_store::Call& call);

}  // namespace n4b::engine
