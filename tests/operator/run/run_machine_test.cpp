#include "operator/run/run_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/operator/run/life.hpp"

namespace n4b::run {
namespace {

TEST(RunMachine, StartsRunsAndSucceeds) {
    Life life;
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_EQ(life.status.attempts.back().job, "b-01234567-1");
    EXPECT_EQ(life.verdict(), "Unknown/Pending");
    life.step(AttemptState{.phase = Phase::kRunning, .reason = Reason::kRunning});
    EXPECT_FALSE(life.plan.start);
    EXPECT_EQ(life.verdict(), "Unknown/Running");
    life.completes();
    EXPECT_EQ(life.verdict(), "True/Completed");
    EXPECT_EQ(life.stalled(), "False");
    EXPECT_EQ(life.status.completed, life.now);
    EXPECT_EQ(life.condition("Finished"), "True/Completed");
}

TEST(RunMachine, WaitsForTheBackoffAndThenTriesAgain) {
    Life life;
    life.step().ends(Reason::kSourceUnreachable);
    EXPECT_EQ(life.verdict(), "Unknown/Retrying");
    life.now += seconds(9);
    EXPECT_FALSE(life.step().plan.start);
    life.now += seconds(3);  // At most 20 % are added.
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_EQ(life.plan.start->number, 2);
    life.ends(Reason::kSourceUnreachable);
    EXPECT_EQ(life.verdict(), "False/SourceUnreachable");
    EXPECT_EQ(life.stalled(), "True");
}

TEST(RunMachine, SpreadsTheRetriesOfRunsThatFailedTogether) {
    std::set<std::chrono::milliseconds> waits;
    for (int i = 0; i < 20; ++i) {
        Life life;
        life.owner.meta.uid = "uid-" + std::to_string(i);
        life.step().ends(Reason::kSourceUnreachable);
        const auto wait = *life.plan.requeue;
        EXPECT_GE(wait, seconds(10));
        EXPECT_LE(wait, seconds(12));
        EXPECT_EQ(*life.step().plan.requeue, wait) << "looking again does not move it";
        waits.insert(wait);
    }
    EXPECT_GT(waits.size(), 15U);
}

TEST(RunMachine, DoesNotRetryWhatWouldEndAlike) {
    for (const auto reason : {Reason::kNotCatchupServer, Reason::kSourceIdentityChanged, Reason::kInvalidRunSpec}) {
        Life life;
        life.step().ends(reason);
        EXPECT_EQ(life.verdict(), "False/" + std::string(to_string(reason)));
    }
}

TEST(RunMachine, ShowsEachGateAndSaysItOnce) {
    for (const auto gate : {Reason::kSourceNotFound, Reason::kStorageNotFound, Reason::kStorageNotReady,
                            Reason::kServiceHasNoEndpoints, Reason::kQueued}) {
        Life life;
        life.waits(gate);
        EXPECT_EQ(life.verdict(), "Unknown/" + std::string(to_string(gate)));
        EXPECT_EQ(life.plan.events.size(), 1U);
        EXPECT_FALSE(life.plan.start);
        const auto before = life.status;
        EXPECT_TRUE(life.waits(gate).plan.events.empty());
        EXPECT_EQ(life.status, before) << "an unchanged status is not written again";
    }
}

TEST(RunMachine, EndsAtTheDeadlineOfTheRun) {
    Life life;
    life.owner.policy.run = seconds(5);
    life.step().ends(Reason::kSourceUnreachable);
    EXPECT_EQ(life.verdict(), "False/DeadlineExceeded");
}

TEST(RunMachine, NeverChangesAVerdict) {
    Life life;
    life.step().ends(Reason::kNotCatchupServer);
    const auto before = life.status;
    life.now += std::chrono::hours(2);
    EXPECT_EQ(life.step().status, before);
}

TEST(RunMachine, LeavesADeletedObjectAlone) {
    Life life;
    life.owner.meta.deleted = life.now;
    life.step();
    EXPECT_FALSE(life.plan.start);
    EXPECT_TRUE(life.plan.events.empty());
}

TEST(RunMachine, KeepsTheLastTenAttempts) {
    Life life;
    life.owner.policy.retry_limit = 20;
    life.owner.policy.run = std::chrono::hours(8000);
    for (int i = 0; i < 14; ++i) {
        life.step().ends(Reason::kSourceUnreachable);
        life.now += std::chrono::hours(7);
    }
    EXPECT_EQ(life.status.attempts.size(), 10U);
    EXPECT_EQ(life.status.attempts.back().number, 14);
}

}  // namespace
}  // namespace n4b::run
