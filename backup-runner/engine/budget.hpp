#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "backup-runner/engine/backup.hpp"

namespace n4b::engine {

/// How a backup fits into the memory it may use.
struct Budget {
    std::int64_t connections = 1;
    BufferSizes buffers{};
};

/// What is wanted of a backup.
struct Demand {
    std::int64_t connections = 1;
    contract::Compression compression = contract::Compression::kZstd;
    bool to_bucket = false;    ///< Else to a volume.
    net::MemoryUse network{};  ///< What the connections take themselves.
};

/// Fits a backup into `limit` bytes (nothing: no limit), with smaller blocks first and fewer connections second. Pure.
/// FailedPrecondition (MemoryLimitTooSmall): one connection with the smallest blocks does not fit.
base::Result<Budget> fit(std::optional<std::int64_t> limit, const Demand& demand);

/// How many blocks of this size, which whoever stored them chose, a restore has in memory at once under a limit of
/// `limit` bytes (nothing: no limit): as many as a reader needs, and from a bucket, where each answer takes its time,
/// as many more as fit and are of use. Pure. FailedPrecondition (MemoryLimitTooSmall): not even those fit; the message
/// tells what it needs.
base::Result<std::size_t> fit_restore(std::optional<std::int64_t> limit, std::int64_t block_bytes, bool from_bucket);

/// The memory limit of this process's cgroup, version 1 or 2, in bytes; nothing when there is none. `root` is
/// /sys/fs/cgroup, elsewhere only in tests; `self` is the text of /proc/self/cgroup.
std::optional<std::int64_t> cgroup_limit(const std::string& root, const std::string& self);

}  // namespace n4b::engine
