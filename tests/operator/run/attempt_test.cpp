#include "operator/run/attempt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/operator/run/life.hpp"

namespace n4b::run {
namespace {

/// An attempt a second old, with Job and pod to be varied.
struct World {
    RunOwner owner{.meta = {.uid = "u-1"}, .kind = "Neo4jBackup", .memory_limit = "64Mi"};
    RunStatus status{};
    Attempt attempt{.job = "b-1", .job_uid = "job", .started = kCreated};
    std::optional<api::Job> job = api::Job{};
    std::optional<api::Pod> pod = api::Pod{.node = "node1"};
    std::vector<api::EventRecord> events{};
    base::SystemTime now = kCreated + std::chrono::seconds(1);

    [[nodiscard]] AttemptState observe() const {
        return observe_attempt({.owner = owner,
                                .status = status,
                                .attempt = attempt,
                                .job = job ? &*job : nullptr,
                                .pod = pod ? &*pod : nullptr,
                                .events = events,
                                .now = now});
    }
    void terminated(std::string reason, std::int64_t code, std::string message = "") {
        pod->runner = api::ContainerState{
            .terminated = true, .reason = std::move(reason), .message = std::move(message), .exit_code = code};
    }
    [[nodiscard]] static std::string report(Reason reason, std::string uid = "u-1") {
        return contract::to_json({.reason = reason, .message = "told", .run_uid = std::move(uid), .attempt = 1});
    }
    void expect(Phase phase, Reason reason) const { expect_state(observe(), phase, reason); }
};

TEST(Attempt, EndsWithTheReportOfItsContainer) {
    World w;
    w.terminated("Error", 20, World::report(Reason::kSourceUnreachable));
    w.expect(Phase::kEnded, Reason::kSourceUnreachable);
    EXPECT_EQ(w.observe().message, "told");
}

TEST(Attempt, BelievesASuccessThatTellsOfABackupOrThatThereWasNothingNew) {
    World w;
    contract::RunReport report{.reason = Reason::kCompleted, .run_uid = "u-1", .attempt = 1};
    w.terminated("Completed", 0, contract::to_json(report));
    w.expect(Phase::kEnded, Reason::kNoReport);
    report.up_to_date.emplace();
    w.terminated("Completed", 0, contract::to_json(report));
    w.expect(Phase::kEnded, Reason::kCompleted);
    report.up_to_date.reset();
    report.artifact.emplace();
    w.terminated("Completed", 0, contract::to_json(report));
    w.expect(Phase::kEnded, Reason::kCompleted);
}

TEST(Attempt, DoesNotBelieveTheReportOfAnotherRun) {
    World w;
    w.terminated("Completed", 0, World::report(Reason::kCompleted, "u-2"));
    w.expect(Phase::kEnded, Reason::kNoReport);
}

TEST(Attempt, TakesTheWordOfARunnerThatCouldNotReadItsSpec) {
    World w;
    w.terminated("Error", 10, World::report(Reason::kInvalidRunSpec, ""));
    w.expect(Phase::kEnded, Reason::kInvalidRunSpec);
    w.terminated("Error", 10, World::report(Reason::kInvalidRunSpec, "u-2"));
    w.expect(Phase::kEnded, Reason::kNoReport);
    w.terminated("Error", 20, World::report(Reason::kInternalError, ""));
    w.expect(Phase::kEnded, Reason::kNoReport);
    w.terminated("Completed", 0, World::report(Reason::kCompleted, ""));
    w.expect(Phase::kEnded, Reason::kNoReport);
}

TEST(Attempt, TellsDeathsWithoutReportApart) {
    World w;
    w.terminated("Error", 1, "not JSON");
    w.expect(Phase::kEnded, Reason::kNoReport);
    w.terminated("OOMKilled", 137);
    w.expect(Phase::kEnded, Reason::kOutOfMemory);
    w.terminated("Error", 137);
    w.pod->disruption = "EvictionByEvictionAPI";
    w.expect(Phase::kEnded, Reason::kEvicted);
    w.pod->disruption = "DeletionByTaintManager";
    w.expect(Phase::kEnded, Reason::kPodLost);
}

TEST(Attempt, CancelledByADeletionIsADeletion) {
    World w;
    w.terminated("Error", 50, World::report(Reason::kCancelled));
    w.expect(Phase::kEnded, Reason::kCancelled);
    w.pod->meta.deleted = w.now;
    w.expect(Phase::kEnded, Reason::kJobDeleted);
    w.pod->disruption = "EvictionByEvictionAPI";
    w.expect(Phase::kEnded, Reason::kEvicted);
}

TEST(Attempt, ARunnerWhoseJobWasDeletedStillHasItsSay) {
    World w;
    w.job.reset();
    w.expect(Phase::kEnded, Reason::kJobDeleted);  // It never worked.
    w.pod->runner = api::ContainerState{.running = true};
    w.expect(Phase::kRunning, Reason::kRunning);
    w.pod->meta.deleted = w.now;
    w.terminated("Error", 20, World::report(Reason::kStorageUnavailable));
    w.expect(Phase::kEnded, Reason::kStorageUnavailable);
    w.pod->runner = api::ContainerState{.running = true};
    w.now += std::chrono::hours(1);
    w.expect(Phase::kEnded, Reason::kJobDeleted);  // Its node doesn't answer.
}

TEST(Attempt, MissingJobOrPodIsToldApart) {
    World w;
    w.pod.reset();
    w.expect(Phase::kStarting, Reason::kStartTimeout);
    w.job->failed = true;
    w.expect(Phase::kEnded, Reason::kJobDeleted);
    w.job->failed_reason = "DeadlineExceeded";
    w.expect(Phase::kEnded, Reason::kAttemptDeadlineExceeded);
    w.job.reset();
    w.expect(Phase::kEnded, Reason::kJobDeleted);
    w.job = api::Job{.complete = true};
    w.expect(Phase::kEnded, Reason::kNoReport);
}

TEST(Attempt, WaitsWithTheReasonAndEndsWithItAtStartTimeout) {
    const auto cases = std::vector<std::pair<Reason, std::function<void(World&)>>>{
        {Reason::kUnschedulable, [](World& w) { w.pod->unschedulable = "no node"; }},
        {Reason::kImageNotPullable,
         [](World& w) { w.pod->runner = api::ContainerState{.reason = "ImagePullBackOff"}; }},
        {Reason::kPodRejected,
         [](World& w) { w.pod->runner = api::ContainerState{.reason = "CreateContainerConfigError"}; }},
        {Reason::kVolumeNotMountable,
         [](World& w) {
             w.events = {{"Warning", "FailedMount", "no path"}};
         }},
        {Reason::kPodRejected,
         [](World& w) {
             w.pod.reset();
             w.events = {{"Warning", "FailedCreate", "exceeded quota"}};
         }},
        {Reason::kStartTimeout, [](World&) {}},
    };
    for (const auto& [reason, arrange] : cases) {
        World w;
        arrange(w);
        w.expect(Phase::kStarting, reason);
        w.now = kCreated + w.owner.policy.start + std::chrono::seconds(1);
        w.expect(Phase::kEnded, reason);
    }
}

TEST(Attempt, TellsWhatItWaitsForBeforeADeadlineThatIsSoonerThanStartTimeout) {
    for (const bool of_the_run : {false, true}) {
        World w;
        (of_the_run ? w.owner.policy.run : w.owner.policy.attempt) = std::chrono::minutes(5);
        w.status.started = kCreated;
        w.pod->runner = api::ContainerState{.reason = "ImagePullBackOff"};
        w.now = kCreated + std::chrono::minutes(5);
        w.expect(Phase::kStarting, Reason::kImageNotPullable);
        w.now += std::chrono::seconds(1);
        w.expect(Phase::kEnded, Reason::kImageNotPullable);
    }
}

TEST(Attempt, RunsUntilItsDeadlineAndThenIsLost) {
    World w;
    w.pod->runner = api::ContainerState{.running = true};
    w.now = kCreated + w.owner.policy.attempt;
    w.expect(Phase::kRunning, Reason::kRunning);
    w.now += std::chrono::minutes(3);
    w.expect(Phase::kEnded, Reason::kLost);
}

TEST(Attempt, EndsWithTheRunsDeadlineWhereThatIsSooner) {
    World w;
    w.status.started = kCreated + std::chrono::hours(1) - w.owner.policy.run;
    w.pod->runner = api::ContainerState{.running = true};
    w.now = kCreated + std::chrono::hours(1);
    w.expect(Phase::kRunning, Reason::kRunning);
    w.now += std::chrono::minutes(3);
    w.expect(Phase::kEnded, Reason::kLost);
    w.attempt = {.job = "b-2", .look_up = true, .started = w.now};
    w.now += std::chrono::minutes(30);
    w.expect(Phase::kRunning, Reason::kRunning);
    w.now += std::chrono::minutes(3);
    w.expect(Phase::kEnded, Reason::kLost);  // Not after timeouts.attempt only.
}

TEST(Attempt, IsLostWithANodeThatDoesNotAnswer) {
    World w;
    w.pod->runner = api::ContainerState{.running = true};
    w.pod->meta.deleted = w.now;
    w.expect(Phase::kRunning, Reason::kRunning);
    w.now += std::chrono::minutes(2);
    w.expect(Phase::kEnded, Reason::kPodLost);
}

TEST(Attempt, FailedPodWithoutContainerWasRefusedOrEvicted) {
    World w;
    w.pod->phase = "Failed";
    w.pod->reason = "OutOfmemory";
    w.expect(Phase::kEnded, Reason::kPodRejected);
    w.pod->reason = "Evicted";
    w.expect(Phase::kEnded, Reason::kEvicted);
}

TEST(Attempt, IsSuspendedUntilItsJobIsLetGo) {
    World w;
    w.pod.reset();
    w.job->suspended = true;
    w.expect(Phase::kSuspended, Reason::kStartTimeout);
    w.now = kCreated + w.owner.policy.start + std::chrono::seconds(1);
    w.expect(Phase::kEnded, Reason::kStartTimeout);
}

TEST(Attempt, CountsItsTimeFromWhenItsJobWasLetGo) {
    World w;
    w.job->started = kCreated + std::chrono::hours(2);
    w.now = *w.job->started + w.owner.policy.start;
    w.expect(Phase::kStarting, Reason::kStartTimeout);
    w.now += std::chrono::seconds(1);
    w.expect(Phase::kEnded, Reason::kStartTimeout);
    w.pod->runner = api::ContainerState{.running = true};
    w.now = *w.job->started + w.owner.policy.attempt + std::chrono::minutes(2);
    w.expect(Phase::kRunning, Reason::kRunning);
    w.now += std::chrono::seconds(1);
    w.expect(Phase::kEnded, Reason::kLost);
}

TEST(Attempt, SaysWhichCredentialsCannotBeMounted) {
    for (const auto& [volume, reason] :
         {std::pair("source-tls", Reason::kCredentialsNotFound), std::pair("trust-0", Reason::kCredentialsNotFound),
          std::pair("storage-credentials", Reason::kCredentialsNotFound),
          std::pair("storage-ca", Reason::kCredentialsNotFound),
          std::pair("storage-proxy", Reason::kCredentialsNotFound), std::pair("storage", Reason::kVolumeNotMountable),
          std::pair("backups", Reason::kVolumeNotMountable)}) {
        World w;
        w.events = {{"Warning", "FailedMount", std::string("MountVolume.SetUp failed for volume \"") + volume + "\""}};
        w.expect(Phase::kStarting, reason);
    }
}

TEST(Attempt, SuccessWithoutAnArtifactCountsOnlyWhereThereIsNone) {
    World w;
    w.terminated("Completed", 0, World::report(Reason::kCompleted));
    w.expect(Phase::kEnded, Reason::kNoReport);
    w.owner.policy.lost_report = RunPolicy::LostReport::kNothing;
    w.expect(Phase::kEnded, Reason::kCompleted);
}

TEST(Attempt, NamesTheMemoryLimitThatItWasKilledAt) {
    World w;
    w.terminated("OOMKilled", 137);
    EXPECT_THAT(w.observe().message, testing::HasSubstr("64Mi"));
}

TEST(LostPod, IsOneThatShouldHaveBeenGoneForAMinute) {
    api::Pod pod;
    EXPECT_FALSE(is_lost(pod, kCreated + std::chrono::hours(24 * 365)));
    pod.meta.deleted = kCreated;
    EXPECT_FALSE(is_lost(pod, kCreated + std::chrono::minutes(1)));
    EXPECT_TRUE(is_lost(pod, kCreated + std::chrono::minutes(1) + std::chrono::seconds(1)));
}

}  // namespace
}  // namespace n4b::run
