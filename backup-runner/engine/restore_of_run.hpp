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

/// Takes over what an attempt of the run has left unfinished, so that this one can go on there. Of a directory whose
/// marker names the run stays what its journal says is durable of target.origin; all else goes, lost+found apart, and
/// the transaction log elsewhere. Without such a journal everything goes. Anything else stays. The marker is made this
/// process's first, so that another one which still writes can't finish; and what it may still be writing to gets a
/// name of its own.
///
/// Returns what stays, for target.kept: empty of a directory that bears the marker, and nothing of one that has to be
/// empty. `bytes`: of the whole restore; where there is no room for a copy of what is unfinished, it goes.
base::Result<std::optional<KeptFiles>> take_over(const RestoreTarget& target, std::int64_t bytes);

/// The same of what this very process has written.
base::Result<void> remove_own(const RestoreTarget& target);

}  // namespace n4b::engine
