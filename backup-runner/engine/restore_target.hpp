#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "backup-runner/engine/restore_journal.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// Where a restore writes.
struct RestoreTarget {
    std::string directory;
    /// Of the transaction log, for a server whose dbms.directories.tx_log is not its database directory; empty: the
    /// same.
    std::string log_directory{};
    storage::Access access{};
    /// Goes on where there is less room than there are bytes, for file systems that compress what is written.
    bool ignore_room = false;
    /// How many blocks may be in memory at once; nothing: as few as a reader needs.
    std::optional<std::size_t> blocks{};
    /// Uid of the run whose restore it is, by which another attempt knows what this one left; empty: nobody's.
    std::string of_run{};
    /// Of this process, since two pods of one attempt may live at once; with of_run only.
    std::string process{};
    std::string record{};  ///< What kRestoreRecord is to say, with of_run only.
    /// origin_of() what is restored, with of_run only: another attempt goes on where this one is killed. Empty: it
    /// begins anew.
    std::string origin{};
    /// What take_over() has left there for this attempt; nothing: the directories have to be empty.
    std::optional<KeptFiles> kept{};
};

/// What a restore meets at its target.
struct TargetView {
    /// Bytes that an ordinary user can have there, on both file systems where the log goes to another one; nothing: the
    /// file system does not tell.
    std::optional<std::int64_t> available{};
    /// What stands in the way: TargetNotEmpty, TargetFull, TargetNotWritable, or InvalidRunSpec where one of
    /// the two directories is the other, or lies in it.
    std::optional<base::Error> obstacle{};
};

/// Looks whether a restore of so many bytes can go there; writes nothing, and makes no directory.
TargetView look_at_target(const RestoreTarget& target, std::int64_t bytes);

/// TargetNotEmpty: there is anything but lost+found. `directory`: its name, for messages.
base::Result<void> check_empty(storage::Storage& target, const std::string& directory);

/// The error of a call on the target, whose reasons would be told as the storage's otherwise: TargetFull or
/// TargetNotWritable; others are left as they are.
base::Error at_target(base::Error error);

template <typename T>
base::Result<T> at_target(base::Result<T> result) {
    if (result) return result;
    return base::fail(at_target(std::move(result.error())));
}

}  // namespace n4b::engine
