#pragma once

#include "common/base/error.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

base::Reason reason_of(const base::Error& error);

/// The report of a run that ended in an error.
contract::RunReport report_of(const contract::RunSpec& spec, const base::Error& error);

/// Puts the report where a kubelet looks for it, and what failed on standard error; returns the exit code.
int tell_outcome(const contract::RunReport& report);

/// The same, and prints the report of a success.
int conclude(const contract::RunReport& report);

/// The exit code of a command without a report, or of its error, which is told.
int finish(const base::Result<int>& result);

}  // namespace n4b::runner
