#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/run/preparation.hpp"

namespace n4b::backup {

/// The backup as the run machine sees it.
run::RunOwner owner_of(const Backup& backup);

/// What a backup refers to, as it is now; an attempt takes the settings of this moment, so that a repair reaches a
/// retry.
struct References {
    const source::Source* source = nullptr;       ///< Null: there is none.
    const storage::Storage* storage = nullptr;    ///< Null: there is none.
    std::optional<api::Claim> claim{};            ///< Nothing: there is none, or the storage is a bucket.
    std::vector<contract::Endpoint> endpoints{};  ///< Not looked at for a look-up.
};

/// The locks that are known before the storage's claim was looked at.
std::vector<std::string> first_locks(const Backup& backup, const source::Source* source);

/// Why the backup can't start because of what it refers to; nothing: it can.
std::optional<run::Hindrance> closed_gate(const Backup& backup, const References& refs);
/// The same, of what must be there before endpoints are worth a look.
std::optional<run::Hindrance> closed_endpoints(const References& refs);

/// The Job of an attempt whose gates are open.
run::Preparation prepare(const Backup& backup, const References& refs, const run::RunnerConfig& config,
                         const run::StartAttempt& start);

/// The status after a step of the run machine, with the kind's own part: where the copy came from, what it stored, and
/// how far the source can be trusted. Adds events to the step. `prepared` is the attempt's that starts, or null.
struct StepInputs {
    const Backup& backup;
    const source::Source* source = nullptr;  ///< As it is now; null: there is none.
    const run::Preparation* prepared = nullptr;
    std::string runner_image{};
    base::SystemTime now{};
};
BackupStatus status_after(const StepInputs& inputs, run::RunStep& step);

}  // namespace n4b::backup
