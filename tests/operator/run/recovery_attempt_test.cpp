#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/run/attempt.hpp"
#include "tests/operator/run/life.hpp"

namespace n4b::run {
namespace {

using testing::HasSubstr;

/// An attempt of a restore an hour old, whose runner has just restored the database; the server of its pod is to be
/// varied.
struct Recovering {
    RunOwner owner{
        .meta = {.uid = "u-1"}, .kind = "Neo4jRestore", .memory_limit = "64Mi", .server_memory_limit = "2Gi"};
    RunStatus status{};
    Attempt attempt{.job = "r-1", .job_uid = "job", .started = kCreated};
    std::optional<api::Job> job = api::Job{};
    api::Pod pod{.node = "node1", .server = api::ContainerState{}};
    base::SystemTime now = kCreated + std::chrono::hours(1);

    Recovering() {
        owner.policy.lost_report = RunPolicy::LostReport::kNothing;
        runner_ends(0, Reason::kCompleted);
    }
    void runner_ends(std::int64_t code, Reason reason) {
        contract::RunReport report{.reason = reason, .message = "told", .run_uid = "u-1", .attempt = 1};
        if (reason == Reason::kCompleted) report.restored.emplace().transaction = 7;
        pod.runner = api::ContainerState{
            .terminated = true, .message = contract::to_json(report), .exit_code = code, .finished = now};
    }
    void server_ends(std::int64_t code, std::string reason = "Error", std::string message = "") {
        pod.server = api::ContainerState{
            .terminated = true, .reason = std::move(reason), .message = std::move(message), .exit_code = code};
    }
    [[nodiscard]] AttemptState observe() const {
        return observe_attempt({.owner = owner,
                                .status = status,
                                .attempt = attempt,
                                .job = job ? &*job : nullptr,
                                .pod = &pod,
                                .now = now});
    }
    void expect(Phase phase, Reason reason) const { expect_state(observe(), phase, reason); }
};

TEST(RecoveryAttempt, SucceedsWhenBothRunnerAndServerHave) {
    Recovering r;
    r.server_ends(0, "Completed");
    r.expect(Phase::kEnded, Reason::kCompleted);
    EXPECT_EQ(r.observe().message, "told");
    ASSERT_TRUE(r.observe().report);
    EXPECT_EQ(r.observe().report->restored->transaction, 7);
}

TEST(RecoveryAttempt, IsNotOverWhenTheRunnerIs) {
    Recovering r;
    r.expect(Phase::kStarting, Reason::kStartTimeout);
    EXPECT_THAT(r.observe().message, HasSubstr("the server that is to recover the database has not started"));
    r.pod.server->running = true;
    r.expect(Phase::kRunning, Reason::kRunning);
    EXPECT_TRUE(r.observe().server_works);
}

TEST(RecoveryAttempt, ThatWorksInItsInitContainerRuns) {
    Recovering r;
    r.pod.runner = api::ContainerState{.running = true};
    r.pod.phase = "Pending";
    r.expect(Phase::kRunning, Reason::kRunning);
    EXPECT_FALSE(r.observe().server_works);
}

TEST(RecoveryAttempt, EndsAsItsRunnerDoesWhereThatFails) {
    Recovering r;
    r.runner_ends(10, Reason::kTargetNotEmpty);
    r.expect(Phase::kEnded, Reason::kTargetNotEmpty);
    r.pod.runner = api::ContainerState{.terminated = true, .reason = "OOMKilled", .exit_code = 137};
    r.expect(Phase::kEnded, Reason::kOutOfMemory);
    EXPECT_THAT(r.observe().message, HasSubstr("64Mi"));
}

TEST(RecoveryAttempt, TellsTheLastWordsOfAServerThatFailed) {
    Recovering r;
    r.server_ends(1, "Error", "the server ended by itself with exit code 1\nERROR no such store\n");
    r.expect(Phase::kEnded, Reason::kRecoveryFailed);
    EXPECT_EQ(r.observe().message, "the server ended by itself with exit code 1 ERROR no such store");
    EXPECT_TRUE(r.observe().report) << "what the runner restored is known";
    r.server_ends(1, "Error", std::string(500, 'a') + "\xc3\xa4" + std::string(799, 'b'));
    EXPECT_EQ(r.observe().message, "..." + std::string(799, 'b')) << "cut, and not within a character";
    r.server_ends(137);
    EXPECT_THAT(r.observe().message, HasSubstr("exit code 137 (Error) and no message"));
}

TEST(RecoveryAttempt, TellsTheDeathsOfAServerApart) {
    Recovering r;
    r.server_ends(137, "OOMKilled");
    r.expect(Phase::kEnded, Reason::kOutOfMemory);
    EXPECT_THAT(r.observe().message, HasSubstr("killed at its memory limit of 2Gi"));
    r.server_ends(1);
    r.pod.disruption = "EvictionByEvictionAPI";
    r.expect(Phase::kEnded, Reason::kEvicted);
    r.pod.disruption = "DeletionByTaintManager";
    r.expect(Phase::kEnded, Reason::kPodLost);
    r.pod.disruption.clear();
    r.pod.meta.deleted = r.now;
    r.expect(Phase::kEnded, Reason::kJobDeleted);
    r.now = kCreated + r.owner.policy.attempt + seconds(1);
    r.expect(Phase::kEnded, Reason::kAttemptDeadlineExceeded);
}

TEST(RecoveryAttempt, AServerThatRecoveredBeforeItsPodWasDeletedHasSucceeded) {
    Recovering r;
    r.server_ends(0, "Completed");
    r.pod.meta.deleted = r.now;
    r.job.reset();
    r.expect(Phase::kEnded, Reason::kCompleted);
}

TEST(RecoveryAttempt, WaitsForAServersImageAsLongAsForARunners) {
    Recovering r;
    r.pod.server->reason = "ImagePullBackOff";
    r.pod.server->message = "no such image";
    r.expect(Phase::kStarting, Reason::kImageNotPullable);
    EXPECT_EQ(r.observe().message, "ImagePullBackOff: no such image");
    r.now += r.owner.policy.start;
    r.expect(Phase::kStarting, Reason::kImageNotPullable);
    r.now += seconds(1);
    r.expect(Phase::kEnded, Reason::kImageNotPullable);
    r.pod.server->reason = "CreateContainerConfigError";
    r.expect(Phase::kEnded, Reason::kPodRejected);
}

TEST(RecoveryAttempt, AServerMayStopAfterItsJobWasDeleted) {
    Recovering r;
    r.pod.server->running = true;
    r.job.reset();
    r.pod.meta.deleted = r.now + std::chrono::minutes(10);
    r.expect(Phase::kRunning, Reason::kRunning);
    r.now += std::chrono::minutes(12);
    r.expect(Phase::kEnded, Reason::kJobDeleted);
}

TEST(RecoveryAttempt, IsLostWithItsDeadline) {
    Recovering r;
    r.pod.server->running = true;
    r.now = kCreated + r.owner.policy.attempt + std::chrono::minutes(3);
    r.expect(Phase::kEnded, Reason::kLost);
}

TEST(RecoveryAttempt, KeepsItsJobWhileTheServerWorks) {
    RunStatus status{.attempts = {{.job = "r-1", .job_uid = "job", .started = kCreated, .ended = kCreated}}};
    status.attempts.back().reason = "ImageNotPullable";
    Recovering r;
    const api::Job job{.meta = {.uid = "job"}};
    EXPECT_EQ(keep_job_until(status, job, &r.pod), base::SystemTime::min()) << "the server could start late";
    r.server_ends(1);
    EXPECT_EQ(keep_job_until(status, job, &r.pod), kCreated + std::chrono::hours(1));
}

TEST(RunMachine, SaysThatAServerRecoversWhatItsRunnerHasRestored) {
    Life life;
    life.step();
    life.status.progress = Progress{.bytes = 7};
    life.step(AttemptState{.phase = Phase::kRunning, .reason = Reason::kRunning, .server_works = true});
    EXPECT_EQ(life.message(), "attempt 1 has restored the database, which a server recovers now");
    EXPECT_FALSE(life.status.progress) << "nobody tells it any more";
}

TEST(RunMachine, TriesAgainWhenAServerFailed) {
    Life life;
    life.step().ends(Reason::kRecoveryFailed);
    EXPECT_EQ(life.verdict(), "Unknown/Retrying");
}

}  // namespace
}  // namespace n4b::run
