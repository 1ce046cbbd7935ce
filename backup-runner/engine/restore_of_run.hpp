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

/// What the marker says while this process writes; empty where it is nobody's run.
std::string marker_text(const RestoreTarget& target);

/// Whether the marker there is this process's. A node that does not answer may run an earlier attempt on while a later
/// one has taken the target over, and the Job controller may make a second pod of one attempt.
bool is_ours(const RestoreTarget& target);

/// Removes what an attempt of the run has left unfinished, so that this one can begin there: all of a directory whose
/// marker names the run, lost+found apart, and the transaction log elsewhere. Anything else stays. The marker is made
/// this process's first, so that another one which still writes can't finish.
base::Result<void> take_over(const RestoreTarget& target);

/// The same of what this very process has written.
base::Result<void> remove_own(const RestoreTarget& target);

}  // namespace n4b::engine
