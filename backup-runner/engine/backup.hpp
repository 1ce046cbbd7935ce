#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/progress.hpp"
#include "backup-runner/net/stream.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// How much memory the stages may take; see budget.hpp.
struct BufferSizes {
    std::size_t receive = 256 * 1024;
    std::size_t block = 2 * 1024 * 1024;  ///< Of what is stored at once.
    std::size_t blocks = 4;               ///< That wait to be stored, or are filled; the log's and the index's apart.
};

/// What a backup works with; all borrowed.
struct BackupEnvironment {
    net::Dialer& dialer;
    object_store::ObjectStore& store;
    const base::Clock& clock;
    std::function<std::uint32_t()> random;
    ProgressCounters& progress;
    BufferSizes buffers{};
    std::string version;
    base::SteadyTime started = std::chrono::steady_clock::now();  ///< Since when spec.duration is counted.
    /// Hears which server is copied from, and which might have been and are not, before each copy.
    std::function<void(const contract::SourceReport&, const std::vector<contract::PassedOver>&)> on_choice{};
};

/// Copies one database from the endpoint that fits the policy best, and from the next one when that goes away: in full,
/// or what was committed since the last backup, as spec.type says. Where the last backup can't be gone on from,
/// spec.when_impossible decides, and the report tells why. Reports how it went; the report's reason tells success from
/// failure. The place must be a repository already, and that one which spec.repository names, or is made one where
/// spec.initialize says so. A finished artifact of another attempt of the same run is adopted in place of a second
/// copy. Blocks; threads of its own for connections. Whatever happens, an artifact has a head only when all of it is
/// durable.
contract::RunReport back_up(const contract::RunSpec& spec, const BackupEnvironment& environment, std::stop_token stop);

/// What a backup would do.
struct BackupPlan {
    /// Source and passed_over as of a backup; the reason is Completed where one could begin.
    contract::RunReport report{};
    std::optional<Artifact> goes_on_from{};              ///< Of an increment.
    std::optional<contract::UnexpectedFull> why_full{};  ///< Where an increment was wanted.
    std::string repository{};                            ///< Its id; empty: it would be made, or was not found.
    std::optional<Artifact> earlier{};                   ///< The newest that can be read.
    std::optional<object_store::Space> space{};
};

/// Looks at the storage and asks the sources, as a backup does before it writes anything; writes nothing and copies
/// nothing.
BackupPlan plan_backup(const contract::RunSpec& spec, const BackupEnvironment& environment, std::stop_token stop);

/// Looks for a finished artifact of the run, and at it as far as spec.verify wants and nobody has yet; makes none.
contract::RunReport look_up_run(const contract::RunSpec& spec, object_store::ObjectStore& store,
                                const object_store::Call& call);

}  // namespace n4b::engine
