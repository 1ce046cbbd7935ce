#pragma once

#include "common/contract/run_report.hpp"
#include "operator/plan/backup_plan.hpp"

namespace n4b::plan {

/// How far a source can be trusted, as two conditions and warning events:
///   SourceAuthenticated   is the server who it says it is: Unknown until the copy, False in clear text and unverified
///   SourceGuarded         did it demand a client certificate; False: everybody who reaches the port can read the
///   database
/// Both are about the last copy; neither changes the verdict.
void plan_trust_at_start(BackupPlan& plan, const BackupInputs& in);

/// From the report of a copy that succeeded; also warns of certificates that expire within three weeks.
void plan_trust_at_end(BackupPlan& plan, const BackupInputs& in, const contract::RunReport& report);

}  // namespace n4b::plan
