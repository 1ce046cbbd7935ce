#include "operator/plan/source_plan.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace n4b::plan {
namespace {

constexpr auto kProgressInterval = std::chrono::seconds(10);

std::string called(const std::string& address, const std::string& member) {
    return member.empty() ? address : fmt::format("{} ({})", address, member);
}

bool one_percent_apart(std::int64_t before, std::int64_t after) {
    return before != after && std::abs(after - before) >= before / 100;
}

}  // namespace

void plan_source(BackupPlan& plan, const BackupInputs& in, const contract::RunReport& report) {
    if (!report.source && report.passed_over.empty()) return;
    if (report.source) plan.status.source = report.source;
    if (report.adopted) return;
    const bool done = report.reason == base::Reason::kCompleted;
    // The one source there is failed: the attempt's own event says so.
    if (!done && report.passed_over.size() < 2) return;
    for (const auto& other : report.passed_over) {
        plan.events.push_back({.warning = true,
                               .reason = "SourcePassedOver",
                               .note = fmt::format("{}: {}: {}", called(other.address, other.member),
                                                   to_string(other.reason), other.message)});
    }
    if (!done || in.backup.spec.policy != contract::SourcePolicy::kPreferReplica) return;
    if (report.source->role == contract::MemberRole::kReadReplica) return;
    plan.events.push_back(
        {.warning = true,
         .reason = "SourceFallback",
         .note = fmt::format("copied from {}, {}", called(report.source->address, report.source->member),
                             report.source->choice)});
}

std::optional<api::RunProgress> next_progress(const std::optional<api::RunProgress>& before,
                                              const std::optional<api::RunProgress>& seen) {
    if (!before || !seen) return seen ? seen : before;
    if (seen->observed - before->observed < kProgressInterval) return before;
    const bool tells = seen->phase != before->phase || one_percent_apart(before->bytes, seen->bytes) ||
                       one_percent_apart(before->files, seen->files) || (seen->rate == 0) != (before->rate == 0);
    return tells ? seen : before;
}

}  // namespace n4b::plan
