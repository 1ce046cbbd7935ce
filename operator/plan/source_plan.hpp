#pragma once

#include <optional>
#include <vector>

#include "operator/plan/backup_plan.hpp"

namespace n4b::plan {

/// What a report says about where a copy came from: status.source, a Warning event when a core was used although read
/// replicas are preferred, and one for each source that was passed over. A report of an artifact that was found
/// finished says only where it came from.
void plan_source(BackupPlan& plan, const BackupInputs& in, const contract::RunReport& report);

/// What status.progress becomes when a runner has told `seen`: it changes at most every 10 s, and only for another
/// phase, for bytes or files that are 1 % apart, or when the flow stops or begins (kubernetes-client.md 2.6).
std::optional<api::RunProgress> next_progress(const std::optional<api::RunProgress>& before,
                                              const std::optional<api::RunProgress>& seen);

}  // namespace n4b::plan
