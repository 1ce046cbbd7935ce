#pragma once

#include <string>
#include <utility>

#include "backup-runner/app/output.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

base::Reason reason_of(const base::Error& error);

/// The error of a command; where it is that of a call which ended at the command's own deadline, it says so.
base::Error in_time(base::Error error, base::Deadline deadline);

template <typename T>
base::Result<T> in_time(base::Result<T> result, base::Deadline deadline) {
    if (result) return result;
    return base::fail(in_time(std::move(result.error()), deadline));
}

/// "10.1.2.3:6362 replica-0 (ReadReplica), lag 0: why it was chosen".
std::string source_text(const contract::SourceReport& source);

/// The report of a run that ended in an error.
contract::RunReport report_of(const contract::RunSpec& spec, const base::Error& error);

/// Puts the report where a kubelet looks for it, and what failed on standard error; returns the exit code.
int tell_outcome(const contract::RunReport& report);

/// How the report of a run is printed.
enum class ReportForm {
    kSuccessJson,  ///< As JSON, where the run succeeded.
    kJson,         ///< As JSON, however the run ended.
    kText,         ///< For people, where the run succeeded and somebody wants to hear of it.
};

/// The same, and prints the report. Where that can't be printed the exit code says so, and the report
/// stays what it is.
int conclude(const contract::RunReport& report, ReportForm form = ReportForm::kSuccessJson);

/// The exit code of a command without a report, or of its error, which is told; output that failed is one.
int finish(const base::Result<int>& result, const Output& output);

}  // namespace n4b::runner
