#include "backup-runner/app/outcome.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/progress_text.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"
#include "common/contract/exit_code.hpp"

namespace n4b::runner {
namespace {

using contract::RunReport;

/// Where a kubelet reads the termination message; the file exists only in a container.
constexpr char kTerminationLog[] = "/dev/termination-log";
constexpr char kTerminationLogVariable[] = "N4B_TERMINATION_LOG";

void write_termination_log(const RunReport& report) {
    const char* named = std::getenv(kTerminationLogVariable);
    // Never created where there is none: by hand there is no kubelet to read it.
    const int fd = ::open(named != nullptr ? named : kTerminationLog, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) return;
    const auto text = contract::to_json(report);
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        base::warn("the termination message could not be written");
    }
    ::close(fd);
}

void say(base::Reason reason, std::string_view message) {
    base::error(fmt::format("{}: {}", to_string(reason), message), {{"reason", to_string(reason)}});
}

void print_text(Output& output, const RunReport& report) {
    if (!report.artifact) return output.print("{}\n", report.message);
    const auto& artifact = *report.artifact;
    output.row("backup", artifact.location);
    output.row("chain", artifact.chain);
    output.row("kind",
               fmt::format("{}, up to transaction {}{}", artifact.kind, artifact.highest_transaction,
                           artifact.recoverable_to ? " of " + base::format_rfc3339(*artifact.recoverable_to) : ""));
    output.row("files", fmt::format("{}, {}, stored as {}", artifact.files, size_text(artifact.bytes),
                                    size_text(artifact.stored_bytes)));
    if (artifact.verified_at && artifact.level != to_string(contract::VerifyLevel::kWritten)) {
        output.row("verified", fmt::format("{}, {}", artifact.level, base::format_rfc3339(*artifact.verified_at)));
    }
    if (report.source) output.row("source", source_text(*report.source));
    if (report.tls) output.row("connection", fmt::format("{}, {}", report.tls->version, report.tls->cipher));
    if (report.adopted) output.row("adopted", "another attempt of this run had finished it");
}

void print(Output& output, const RunReport& report, ReportForm form) {
    const bool success = report.reason == base::Reason::kCompleted;
    switch (form) {
        case ReportForm::kSuccessJson:
            if (success) output.print("{}\n", contract::to_json(report));
            return;
        case ReportForm::kJson:
            output.print("{}\n", contract::to_json(report));
            return;
        case ReportForm::kText:
            if (success && base::tells_usual()) print_text(output, report);
            return;
    }
}

}  // namespace

base::Reason reason_of(const base::Error& error) {
    return error.reason.value_or(base::Reason::kInternalError);
}

base::Error in_time(base::Error error, base::Deadline deadline) {
    if (error.code != base::ErrorCode::kDeadline || !deadline.passed()) return error;
    error.reason = base::Reason::kAttemptDeadlineExceeded;
    return error.wrap("the deadline of this command has passed");
}

std::string source_text(const contract::SourceReport& source) {
    return fmt::format(
        "{}{}{}, lag {}: {}", source.address, source.member.empty() ? "" : " " + source.member,
        source.role == contract::MemberRole::kUnknown ? "" : fmt::format(" ({})", to_string(source.role)),
        source.lag ? std::to_string(*source.lag) : "unknown",
        source.choice.empty() ? "of an earlier attempt" : source.choice);
}

RunReport report_of(const contract::RunSpec& spec, const base::Error& error) {
    return {.reason = reason_of(error), .message = error.message, .run_uid = spec.run.uid, .attempt = spec.run.attempt};
}

int tell_outcome(const RunReport& report) {
    write_termination_log(report);
    // Of a single server the error itself tells.
    const bool several = report.passed_over.size() > 1 || report.reason == base::Reason::kCompleted;
    for (const auto& other : report.passed_over) {
        if (!several) continue;
        base::info(fmt::format("passed over {}: {}: {}", other.address, to_string(other.reason), other.message));
    }
    if (report.reason != base::Reason::kCompleted) say(report.reason, report.message);
    return static_cast<int>(contract::exit_code_of(report.reason));
}

int conclude(const RunReport& report, ReportForm form) {
    const int code = tell_outcome(report);
    Output output;
    print(output, report, form);
    if (report.reason != base::Reason::kCompleted) return code;
    const auto printed = output.check();
    if (printed) return code;
    // The report in the termination message stays the one of a success.
    say(reason_of(printed.error()),
        fmt::format("{}; the run is finished all the same: {}{}", printed.error().message, report.message,
                    report.artifact ? ", " + report.artifact->location : ""));
    return static_cast<int>(contract::exit_code_of(reason_of(printed.error())));
}

int finish(const base::Result<int>& result, const Output& output) {
    const auto printed = output.check();
    if (result) return printed ? *result : report_failure(printed.error());
    if (!printed) say(reason_of(printed.error()), printed.error().message);
    return report_failure(result.error());
}

int report_failure(const base::Error& error) {
    const contract::RunSpec nobody;
    return conclude(report_of(nobody, error));
}

}  // namespace n4b::runner
