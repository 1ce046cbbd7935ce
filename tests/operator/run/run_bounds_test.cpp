#include "operator/run/run_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <functional>

#include "tests/operator/run/life.hpp"

namespace n4b::run {
namespace {

TEST(RunMachine, DoesTheActsInTheOrderThatIsSafe) {
    Life life;
    EXPECT_EQ(life.step().plan.open_job, RunStep::OpenJob::kLetGo) << "after the Job is made and recorded";
    EXPECT_TRUE(life.plan.start);
    life.step(AttemptState{.phase = Phase::kSuspended, .reason = Reason::kStartTimeout});
    EXPECT_EQ(life.plan.open_job, RunStep::OpenJob::kLetGo) << "an earlier life had no time for it";
    EXPECT_FALSE(life.plan.start);
    life.step(AttemptState{.phase = Phase::kStarting, .reason = Reason::kStartTimeout});
    EXPECT_EQ(life.plan.open_job, RunStep::OpenJob::kLeave);
}

TEST(RunMachine, SaysOnceThatItIsQueuedWhoeverIsInTheWay) {
    Life life;
    life.step(std::nullopt, Hindrance{Reason::kQueued, "held by a"});
    EXPECT_EQ(life.plan.events.size(), 1U);
    EXPECT_FALSE(life.plan.events.front().warning);
    const auto before = life.said;
    life.step(std::nullopt, Hindrance{Reason::kQueued, "held by b"});
    EXPECT_EQ(life.said, before) << "or each that waits is written whenever another one runs";
    EXPECT_TRUE(life.plan.events.empty());
}

TEST(RunMachine, SkipsWhatCouldNotStartInTimeWithoutCallingItAFailure) {
    struct Case {
        const char* text;
        std::function<void(Life&)> arrange;
    };
    for (const auto& c :
         {Case{"spec.timeouts.wait", [](Life& life) { life.now = kCreated + *life.owner.policy.wait + seconds(1); }},
          Case{"spec.notAfter", [](Life& life) { life.owner.policy.not_after = kCreated; }},
          Case{"velero.io/restore-name", [](Life& life) { life.owner.meta.restored = true; }}}) {
        Life life;
        life.waits(Reason::kStorageNotFound);
        c.arrange(life);
        EXPECT_FALSE(wanted_attempt(life.owner, life.status, life.now)) << c.text;
        EXPECT_EQ(life.step().verdict(), "False/Skipped") << c.text;
        EXPECT_EQ(life.said.outcome, Verdict::Outcome::kSkipped);
        EXPECT_EQ(life.condition("Finished"), "True/Skipped");
        EXPECT_EQ(life.stalled(), "False") << "nobody must act on it";
        EXPECT_THAT(life.message(), testing::HasSubstr(c.text));
        EXPECT_THAT(life.message(), testing::HasSubstr("it waited: StorageNotFound: gate"));
        EXPECT_TRUE(life.status.attempts.empty());
    }
}

TEST(RunMachine, DoesNotSkipWhatHasStarted) {
    Life life;
    life.owner.policy.not_after = kCreated + seconds(5);
    life.step().ends(Reason::kSourceUnreachable);
    life.now += std::chrono::hours(1);
    life.owner.meta.restored = true;
    EXPECT_TRUE(life.step().plan.start) << "these bounds are about the start only";
}

TEST(RunMachine, WaitsForEverWhereNoWaitIsSet) {
    Life life;
    life.owner.policy.wait.reset();
    life.now = kCreated + std::chrono::hours(24 * 365);
    EXPECT_TRUE(life.step().plan.start);
}

TEST(RunMachine, IsCancelledBeforeItStarts) {
    Life life;
    life.owner.policy.cancelled = true;
    EXPECT_FALSE(wanted_attempt(life.owner, life.status, life.now));
    EXPECT_EQ(life.step().verdict(), "False/Cancelled");
    EXPECT_EQ(life.stalled(), "False");
    EXPECT_TRUE(life.status.attempts.empty());
}

TEST(RunMachine, ACancelledAttemptLosesItsJobAndNoLookUpFollows) {
    for (const auto phase : {Phase::kSuspended, Phase::kStarting, Phase::kRunning}) {
        Life life;
        life.step();
        life.owner.policy.cancelled = true;
        life.step(AttemptState{.phase = phase, .reason = Reason::kRunning});
        EXPECT_EQ(life.plan.open_job, RunStep::OpenJob::kRemove);
        life.ends(Reason::kJobDeleted);
        EXPECT_EQ(life.verdict(), "False/Cancelled");
        EXPECT_EQ(life.said.outcome, Verdict::Outcome::kSkipped);
        EXPECT_FALSE(life.step().plan.start);
        EXPECT_THAT(life.message(), testing::HasSubstr("whether an attempt finished an artifact is unknown"));
    }
}

TEST(RunMachine, ACancelledAttemptIsNotToldAsAJobThatSomebodyDeleted) {
    Life life;
    life.step();
    life.owner.policy.cancelled = true;
    life.step(AttemptState{.phase = Phase::kRunning, .reason = Reason::kRunning});
    EXPECT_EQ(life.plan.open_job, RunStep::OpenJob::kRemove);
    EXPECT_THAT(life.plan.verdict.message, testing::HasSubstr("spec.cancel"));
    life.ends(Reason::kJobDeleted);
    EXPECT_EQ(life.status.attempts.back().reason, "Cancelled");
    EXPECT_TRUE(
        std::none_of(life.plan.events.begin(), life.plan.events.end(), [](const auto& e) { return e.warning; }));
}

TEST(RunMachine, ACopyThatCompletedBeforeItsCancellationIsASuccess) {
    Life life;
    life.step();
    life.owner.policy.cancelled = true;
    EXPECT_EQ(life.completes().verdict(), "True/Completed");
}

TEST(RunMachine, IsCancelledBetweenTwoAttempts) {
    Life life;
    life.step().ends(Reason::kSourceUnreachable);
    life.owner.policy.cancelled = true;
    EXPECT_EQ(life.step().verdict(), "False/Cancelled");
}

TEST(RunMachine, CountsTheRetriesOfALaterRunFromItsOwnFirstAttempt) {
    Life life;
    life.owner.policy.lost_report = RunPolicy::LostReport::kNothing;
    life.status.attempts = {{.number = 7, .job = "b-7", .started = kCreated, .ended = kCreated, .reason = "Evicted"}};
    life.status.first_attempt = 8;
    EXPECT_TRUE(unstarted(life.status));
    ASSERT_TRUE(life.step().plan.start);
    EXPECT_EQ(life.plan.start->number, 8);
    life.ends(Reason::kNoReport);
    EXPECT_GE(*life.plan.requeue, seconds(10));
    EXPECT_LE(*life.plan.requeue, seconds(12)) << "the first retry, whatever came before this run";
    life.now += seconds(12);
    ASSERT_TRUE(life.step().plan.start);
    EXPECT_FALSE(life.plan.start->look_up) << "it left nothing that one could look for";
    EXPECT_EQ(life.ends(Reason::kNoReport).verdict(), "False/NoReport");
}

}  // namespace
}  // namespace n4b::run
