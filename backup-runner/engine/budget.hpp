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

/// Fits the wanted number of connections into `limit` bytes (nothing: no limit), with fewer connections first and
/// smaller buffers second; `network` is what the connections take themselves. Pure. FailedPrecondition
/// (MemoryLimitTooSmall): one connection with the smallest buffers does not fit.
base::Result<Budget> fit(std::optional<std::int64_t> limit, std::int64_t wanted_connections,
                         contract::Compression compression, net::MemoryUse network = {});

/// The memory limit of this process's cgroup, version 1 or 2, in bytes; nothing when there is none. `root` is
/// /sys/fs/cgroup, elsewhere only in tests; `self` is the text of /proc/self/cgroup.
std::optional<std::int64_t> cgroup_limit(const std::string& root, const std::string& self);

}  // namespace n4b::engine
