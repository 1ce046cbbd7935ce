#pragma once

#include <functional>
#include <string>

#include "backup-runner/engine/progress.hpp"
#include "backup-runner/engine/restore_journal.hpp"
#include "backup-runner/engine/restore_point.hpp"
#include "backup-runner/engine/restore_target.hpp"
#include "backup-runner/storage/storage.hpp"

namespace n4b::engine {

/// Writes a plain database directory as of that point, checking every digest on the way. The directories must not exist
/// or be empty. `neostore` comes last and a marker file stands there until the end, so nothing half-written is taken
/// for a database. With target.of_run the marker says whose it is, and a record stays. What look_at_target() finds in
/// the way ends it before anything is written. Also FailedPrecondition (TargetFull, TargetNotWritable), DataLoss
/// (ArtifactDamaged), and Conflict (ArtifactConflict): the chain was closed meanwhile. `progress`: counts files and
/// bytes; null: nobody watches.
base::Result<void> restore(object_store::ObjectStore& from, const RestorePoint& point, const RestoreTarget& target,
                           const object_store::Call& call, ProgressCounters* progress = nullptr);

/// The same directories, open.
struct OpenTarget {
    storage::Storage& store;
    storage::Storage& log;  ///< May be the store.
    std::string name;       ///< Of the store's directory, for messages.
    std::string log_name{};
    ProgressCounters* progress = nullptr;
    std::string marker{};                 ///< What kRestoreMarker says.
    std::string process{};                ///< As in RestoreTarget.
    std::string record{};                 ///< As in RestoreTarget.
    std::optional<std::size_t> blocks{};  ///< As in RestoreTarget.
    std::string origin{};                 ///< As in RestoreTarget.
    std::optional<KeptFiles> kept{};      ///< As in RestoreTarget.
    /// How many bytes are written until they are made durable and told to the journal.
    std::int64_t journal_bytes = std::int64_t{256} * 1024 * 1024;
    /// Asked before and after each file is created, and right before the end; false: another process has taken the
    /// target over. Empty: none can.
    std::function<bool()> still_ours{};
};
base::Result<void> restore(object_store::ObjectStore& from, const RestorePoint& point, const OpenTarget& target,
                           const object_store::Call& call);

}  // namespace n4b::engine
