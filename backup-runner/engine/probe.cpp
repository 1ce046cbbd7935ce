#include "backup-runner/engine/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "backup-runner/engine/source_choice.hpp"
#include "backup-runner/engine/source_probe.hpp"

namespace n4b::engine {
namespace {

using base::Reason;

contract::MemberReport report_of(const Candidate& candidate, const std::vector<Candidate>& candidates,
                                 const contract::RunSpec& spec) {
    contract::MemberReport member{.address = net::to_string(candidate.address),
                                  .member = candidate.member,
                                  .role = candidate.role,
                                  .store_id = candidate.store_id,
                                  .last_transaction = candidate.last_transaction,
                                  .lag = lag_of(candidate, candidates)};
    if (candidate.security) member.tls = tls_report(*candidate.security, spec);
    if (candidate.error) {
        member.reason = candidate.error->reason.value_or(Reason::kInternalError);
        member.message = candidate.error->message;
    }
    return member;
}

/// What all of them together say, in a sentence.
std::string summary(const std::vector<contract::MemberReport>& members) {
    const auto answered = std::count_if(members.begin(), members.end(),
                                        [](const auto& member) { return member.reason == Reason::kCompleted; });
    std::set<std::string> databases;
    for (const auto& member : members) {
        if (!member.store_id.empty()) databases.insert(member.store_id);
    }
    auto text = fmt::format("{} of {} members answered", answered, members.size());
    if (databases.size() > 1) text += fmt::format("; they belong to {} different databases", databases.size());
    return text;
}

}  // namespace

contract::RunReport probe(const contract::RunSpec& spec, net::Dialer& dialer, base::SteadyTime started,
                          const std::stop_token& stop) {
    contract::RunReport report{.run_uid = spec.run.uid, .attempt = spec.run.attempt};
    const auto deadline = deadline_of(spec, started);
    const auto candidates = observe_candidates(spec, dialer, deadline, stop);
    if (stop.stop_requested()) {
        report.reason = Reason::kCancelled;
        report.message = "cancelled";
        return report;
    }
    for (const auto& candidate : candidates) report.members.push_back(report_of(candidate, candidates, spec));
    const bool answered =
        std::any_of(candidates.begin(), candidates.end(), [](const auto& candidate) { return candidate.answered; });
    if (answered) {
        report.reason = Reason::kCompleted;
        report.message = summary(report.members);
    } else if (deadline.passed()) {
        report.reason = Reason::kAttemptDeadlineExceeded;
        report.message = "the deadline of this attempt has passed before a member answered";
    } else {
        report.reason = report.members.at(0).reason;
        report.message = report.members.at(0).message;
    }
    return report;
}

}  // namespace n4b::engine
