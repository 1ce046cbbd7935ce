#pragma once

#include <optional>
#include <string>

#include "backup-runner/engine/restore_target.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::engine {

/// What an earlier attempt of the same run has left at the target: target.of_run says which run that is.
///
/// The report of a restore that was finished there: what kRestoreRecord says, where `neostore` stands beside it.
/// Nothing: there is none, or it is another run's. Takes the marker away where the attempt ended before it could.
base::Result<std::optional<contract::RunReport>> find_restored(const RestoreTarget& target);

/// Removes what an attempt of the run has left unfinished, so that another one can begin there: all of a directory
/// whose marker names the run, lost+found apart, and the transaction log elsewhere. Anything else stays.
base::Result<void> remove_unfinished(const RestoreTarget& target);

}  // namespace n4b::engine
