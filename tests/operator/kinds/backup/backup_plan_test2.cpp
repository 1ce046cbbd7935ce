#include "operator/plan/source_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::plan {
namespace {

using base::Reason;
using contract::MemberRole;
using contract::SourcePolicy;
using std::chrono::seconds;

const base::SystemTime kNow{seconds(1'790'000'000)};

contract::RunReport report(MemberRole role) {
    contract::RunReport report{.reason = Reason::kCompleted};
    report.source = contract::SourceReport{
        .address = "10.0.0.1:6362", .member = "core-0", .role = role, .choice = "a core: no read replica can be used"};
    return report;
}

contract::PassedOver behind() {
    return {.address = "10.0.0.2:6362", .member = "replica-0", .reason = Reason::kSourceBehind, .message = "late"};
}

std::vector<std::string> events(const contract::RunReport& report, SourcePolicy policy) {
    api::Backup backup;
    backup.spec.policy = policy;
    BackupPlan plan;
    plan_source(plan, {.backup = backup, .now = kNow}, report);
    EXPECT_EQ(plan.status.source, report.source);
    std::vector<std::string> texts;
    for (const auto& event : plan.events) {
        EXPECT_TRUE(event.warning);
        texts.push_back(event.reason + ": " + event.note);
    }
    return texts;
}

TEST(SourcePlan, WarnsOfAFallbackAndOfThosePassedOver) {
    auto fallback = report(MemberRole::kCore);
    fallback.passed_over = {behind()};
    EXPECT_THAT(events(fallback, SourcePolicy::kPreferReplica),
                testing::ElementsAre(
                    "SourcePassedOver: 10.0.0.2:6362 (replica-0): SourceBehind: late",
                    "SourceFallback: copied from 10.0.0.1:6362 (core-0), a core: no read replica can be used"));
    EXPECT_EQ(events(fallback, SourcePolicy::kAny).size(), 1U) << "a core is as good as any";
    EXPECT_TRUE(events(report(MemberRole::kReadReplica), SourcePolicy::kPreferReplica).empty());
    EXPECT_EQ(events(report(MemberRole::kUnknown), SourcePolicy::kPreferReplica).size(), 1U);
    fallback.adopted = true;
    EXPECT_TRUE(events(fallback, SourcePolicy::kPreferReplica).empty());
}

TEST(SourcePlan, AFailureOfTheOnlySourceIsToldOnce) {
    contract::RunReport failed{.reason = Reason::kSourceBehind};
    failed.passed_over = {behind()};
    EXPECT_TRUE(events(failed, SourcePolicy::kAny).empty());
    failed.passed_over.push_back(behind());
    EXPECT_EQ(events(failed, SourcePolicy::kAny).size(), 2U);
}

TEST(Progress, ChangesSeldom) {
    const api::RunProgress before{.bytes = 1000, .files = 100, .rate = 5, .phase = "Copying", .observed = kNow};
    const auto later = [&](auto change, std::chrono::seconds after = seconds(10)) {
        auto seen = before;
        seen.observed += after;
        change(seen);
        return next_progress(before, seen) == seen;
    };
    EXPECT_FALSE(later([](auto&) {}));
    EXPECT_FALSE(later([](auto& p) { p.bytes = 1009; }));
    EXPECT_TRUE(later([](auto& p) { p.bytes = 1010; }));
    EXPECT_FALSE(later([](auto& p) { p.bytes = 9000; }, seconds(9)));
    EXPECT_TRUE(later([](auto& p) { p.files = 101; }));
    EXPECT_TRUE(later([](auto& p) { p.phase = "Pulling"; }));
    EXPECT_TRUE(later([](auto& p) { p.rate = 0; })) << "a flow that has stopped must not look alive";
    EXPECT_EQ(next_progress(std::nullopt, before), before);
    EXPECT_EQ(next_progress(before, std::nullopt), before);
}

TEST(Progress, IsShownWhileAnAttemptRunsAndNoLonger) {
    api::Backup backup;
    backup.status.attempts = {{.number = 1, .job = "j", .started = kNow}};
    const api::RunProgress seen{.bytes = 1, .phase = "Copying", .observed = kNow};
    auto plan = plan_backup({.backup = backup,
                             .attempt = AttemptState{.phase = AttemptState::Phase::kRunning},
                             .progress = seen,
                             .now = kNow});
    EXPECT_EQ(plan.status.progress, seen);
    backup.status = plan.status;
    plan = plan_backup(
        {.backup = backup,
         .attempt = AttemptState{.phase = AttemptState::Phase::kEnded, .reason = Reason::kSourceUnreachable},
         .progress = seen,
         .now = kNow});
    EXPECT_FALSE(plan.status.progress);
}

}  // namespace
}  // namespace n4b::plan
