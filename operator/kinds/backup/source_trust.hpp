#pragma once

#include <optional>

#include "common/contract/run_report.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/run/run_machine.hpp"

namespace n4b::backup {

/// How far a source can be trusted, as two conditions and warning events:
///   SourceAuthenticated   is the server who it says it is: Unknown until the copy, False in clear text and unverified
///   SourceGuarded         did it demand a client certificate; False: everybody who reaches the port can read the
///   database
/// Both are about the last copy; neither changes the verdict.
void tell_trust_at_start(BackupStatus& status, const std::optional<source::Tls>& tls, run::RunStep& step,
                         const run::Stamp& stamp);

/// From the report of a copy that succeeded; also warns of certificates that expire within three weeks.
void tell_trust_at_end(BackupStatus& status, const contract::RunReport& report, run::RunStep& step,
                       const run::Stamp& stamp);

}  // namespace n4b::backup
