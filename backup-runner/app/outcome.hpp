#pragma once

#include "backup-runner/app/output.hpp"
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

/// The same, and prints the report of a success. Where that can't be printed the exit code says so, and the report
/// stays what it is.
int conclude(const contract::RunReport& report);

/// The exit code of a command without a report, or of its error, which is told; output that failed is one.
int finish(const base::Result<int>& result, const Output& output);

}  // namespace n4b::runner
