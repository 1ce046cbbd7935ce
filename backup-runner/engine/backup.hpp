#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "backup-runner/engine/artifact_writer.hpp"
#include "backup-runner/net/stream.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// How much memory the stages may take; see budget.hpp.
struct BufferSizes {
    std::size_t receive = 256 * 1024;
    std::size_t write = 256 * 1024;
};

/// What a backup works with; all borrowed.
struct BackupEnvironment {
    net::Dialer& dialer;
    storage::Storage& storage;
    const base::Clock& clock;
    std::function<std::uint32_t()> random;
    ProgressCounters& progress;
    BufferSizes buffers{};
    std::string version;
    base::SteadyTime started = std::chrono::steady_clock::now();  ///< Since when spec.duration is counted.
};

/// Copies one database in full from the endpoint that fits the policy best, and from the next one when that goes away,
/// and reports how it went; the report's reason tells
/// success from failure. A finished artifact of another attempt of the same run is adopted in place of a second copy.
/// Blocks; threads of its own for connections. Whatever happens, an artifact has a head only when all of it is durable.
contract::RunReport back_up(const contract::RunSpec& spec, const BackupEnvironment& environment, std::stop_token stop);

/// Only looks for a finished artifact of the run.
contract::RunReport look_up_run(const contract::RunSpec& spec, storage::Storage& storage);

}  // namespace n4b::engine
