#include "operator/jobs/run_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/rfc3339.hpp"
#include "tests/operator/jobs/operator_process.hpp"

namespace n4b::jobs {
namespace {

using base::ErrorCode;
using base::Reason;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A cluster with one object, "a", and an operator that has just started.
struct Drive {
    Cluster cluster{};
    OperatorProcess op{cluster};

    Drive() { cluster.add_owner("a", "prod"); }
    ~Drive() { EXPECT_THAT(cluster.violations, IsEmpty()); }
    Drive(const Drive&) = delete;
    Drive& operator=(const Drive&) = delete;

    void retries(int limit) {
        cluster.change_owner("a", [&](json& owner) {
            owner["spec"]["retry"] = {{"limit", limit}, {"backoff", "10s"}};
        });
    }
    /// An attempt that was let go, whose runner ended so, and whose end is recorded.
    void attempt_ends(Reason reason) {
        op.settle("a");
        cluster.runner_ends("a", 1, reason);
        op.settle("a");
    }
    [[nodiscard]] std::string job_uid(int attempt = 1) const {
        return cluster.api.get(Cluster::job_path("a", attempt)).value("/metadata/uid"_json_pointer, "");
    }
    [[nodiscard]] std::vector<std::string> writes() const {
        std::vector<std::string> calls;
        for (const auto& request : cluster.api.requests) {
            if (request.method == "GET") continue;
            const auto kind = request.path.starts_with(kJobs)     ? "job"
                              : request.path.starts_with(kPods)   ? "pod"
                              : request.path.ends_with("/status") ? "status"
                                                                  : "object";
            calls.push_back(request.method + " " + kind);
        }
        return calls;
    }
};

TEST(RunDriver, MakesTheJobSuspendedRecordsItAndThenLetsItGo) {
    Drive d;
    ASSERT_TRUE(d.op.drive("a"));
    EXPECT_THAT(d.writes(), ElementsAre("POST job", "PATCH status", "PATCH job"));
    EXPECT_EQ(json::parse(d.cluster.api.sent("POST", kJobs)[0].body)["spec"]["suspend"], true);
    EXPECT_TRUE(d.cluster.is_let_go("a"));
    ASSERT_EQ(d.cluster.attempts("a").size(), 1U);
    EXPECT_EQ(d.cluster.attempts("a")[0]["jobUID"], d.job_uid());
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/Pending");
    const auto let_go = json::parse(d.cluster.api.sent("PATCH", kJobs)[0].body);
    EXPECT_EQ(let_go[0], json({{"op", "test"}, {"path", "/metadata/uid"}, {"value", d.job_uid()}}));
}

TEST(RunDriver, FollowsARunToItsEndAndLeavesNothingBehind) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.op.settle("a");
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/Running");
    EXPECT_EQ(d.op.locks.running(), 1U);
    d.cluster.runner_ends("a", 1, Reason::kCompleted);
    EXPECT_EQ(d.op.settle("a"), Requeue{});
    EXPECT_EQ(d.cluster.condition("a"), "True/Completed");
    EXPECT_EQ(d.cluster.condition("a", "Finished"), "True/Completed");
    EXPECT_FALSE(d.cluster.has_job("a")) << "the result is stored, so the Job goes at once";
    EXPECT_EQ(d.op.locks.running(), 0U);
}

TEST(RunDriver, WritesNothingWhereNothingChanged) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.op.settle("a");
    d.cluster.api.requests.clear();
    d.op.settle("a");
    EXPECT_THAT(d.writes(), IsEmpty());
}

TEST(RunDriver, AClosedGateShowsWhyAndMakesNothing) {
    Drive d;
    d.cluster.gates["a"] = {Reason::kStorageNotFound, "no storage"};
    ASSERT_TRUE(d.op.drive("a"));
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/StorageNotFound");
    EXPECT_FALSE(d.cluster.has_job("a"));
    EXPECT_EQ(d.op.locks.running(), 0U);
    d.cluster.gates.clear();
    d.op.settle("a");
    EXPECT_TRUE(d.cluster.is_let_go("a"));
}

TEST(RunDriver, AMissingPermissionBurnsNoAttempt) {
    Drive d;
    d.cluster.api.failures[std::string("POST ") + kJobs] = 403;
    const auto done = d.op.drive("a");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(d.cluster.attempts("a"), IsEmpty());
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/Pending");
    EXPECT_THAT(d.cluster.message("a"), HasSubstr("can't start"));
    EXPECT_EQ(d.op.locks.running(), 0U);
    d.cluster.api.requests.clear();
    EXPECT_FALSE(d.op.drive("a"));
    EXPECT_THAT(d.writes(), ElementsAre("POST job")) << "each write would wake the run at once";
    d.cluster.api.failures.clear();
    d.op.settle("a");
    EXPECT_EQ(d.cluster.attempts("a")[0]["number"], 1);
    EXPECT_TRUE(d.cluster.is_let_go("a"));
}

TEST(RunDriver, AJobThatTheServerRefusesForGoodEndsTheAttempt) {
    Drive d;
    d.cluster.api.failures[std::string("POST ") + kJobs] = 422;
    d.op.settle("a");
    ASSERT_EQ(d.cluster.attempts("a").size(), 1U);
    EXPECT_EQ(d.cluster.attempts("a")[0]["reason"], "PodRejected");
    EXPECT_EQ(d.cluster.condition("a"), "False/PodRejected");
    EXPECT_EQ(d.op.locks.running(), 0U);
}

TEST(RunDriver, ALookUpThatCannotBeMadeDoesNotWaitForEver) {
    Drive d;
    d.attempt_ends(Reason::kStorageUnavailable);
    EXPECT_EQ(d.cluster.attempts("a").back()["lookUp"], true) << "it went on with a look-up at once";
    Drive late;
    late.op.settle("a");
    late.cluster.runner_ends("a", 1, Reason::kStorageUnavailable);
    late.cluster.api.failures[std::string("POST ") + kJobs] = 500;
    ASSERT_TRUE(late.op.drive("a"));
    EXPECT_FALSE(late.op.drive("a")) << "it is tried again";
    for (int look_up = 1; look_up <= 3; ++look_up) {
        late.cluster.clock.now += minutes(15);
        (void)late.op.drive("a");
        EXPECT_EQ(late.cluster.attempts("a").back()["reason"], "PodRejected");
        late.cluster.clock.now += minutes(1);
        (void)late.op.drive("a");
    }
    EXPECT_EQ(late.cluster.condition("a"), "False/StorageUnavailable");
}

TEST(RunDriver, LooksForAPodBeforeItsAbsenceOrAnOldViewOfItCounts) {
    for (const bool known : {false, true}) {
        Drive d;
        d.op.settle("a");
        if (known) d.cluster.pod_comes("a");
        d.op.watch();
        d.cluster.job_ends("a", 1, "Failed");
        d.cluster.runner_ends("a", 1, Reason::kStorageFull);
        d.cluster.clock.now += minutes(11);
        ASSERT_TRUE(d.op.drive_as(d.cluster.owner("a")));
        EXPECT_EQ(d.cluster.attempts("a")[0]["reason"], "StorageFull");
    }
}

TEST(RunDriver, AForgedPodChangesNothing) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.cluster.runner_ends("a", 1, Reason::kCompleted);
    auto forged = d.cluster.api.get(Cluster::pod_path("a"));
    d.cluster.api.objects.erase(Cluster::pod_path("a"));
    forged["metadata"]["ownerReferences"][0]["uid"] = "somebody";
    forged["metadata"]["name"] = forged["metadata"]["name"].get<std::string>() + "y";
    forged["metadata"]["uid"] = "forged";
    forged["metadata"]["annotations"]["forged"] = true;
    d.cluster.api.put(Cluster::pod_path("a") + "y", forged);
    d.op.settle("a");
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/Pending") << "the labels and the name prove nothing";
    d.cluster.clock.now += minutes(11);
    d.op.settle("a");
    EXPECT_EQ(d.cluster.condition("a"), "False/StartTimeout");
    EXPECT_TRUE(d.cluster.api.has(Cluster::pod_path("a") + "y"));
}

/// The Job controller makes another pod of a Job when it has not seen that there is one.
void another_pod_comes(Cluster& cluster, bool runs) {
    auto pod = cluster.api.get(Cluster::pod_path("a"));
    pod["metadata"]["name"] = pod["metadata"]["name"].get<std::string>() + "y";
    pod["metadata"]["uid"] = "another";
    pod["metadata"]["creationTimestamp"] = base::format_rfc3339(cluster.clock.now);
    pod["status"] = {{"phase", runs ? "Running" : "Pending"}};
    cluster.api.put(Cluster::pod_path("a") + "y", pod);
}

TEST(RunDriver, ASecondPodOfAJobIsRemoved) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.cluster.clock.now += seconds(1);
    another_pod_comes(d.cluster, true);
    d.op.settle("a");
    EXPECT_FALSE(d.cluster.api.has(Cluster::pod_path("a") + "y"));
    EXPECT_TRUE(d.cluster.has_pod("a"));
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/Running");
}

TEST(RunDriver, ASecondPodThatComesAfterTheAttemptHasEndedIsRemoved) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.cluster.runner_ends("a", 1, Reason::kNotCatchupServer);
    d.op.settle("a");
    EXPECT_EQ(d.cluster.condition("a"), "False/NotCatchupServer");
    d.cluster.clock.now += minutes(1);
    another_pod_comes(d.cluster, false);
    d.op.settle("a");
    EXPECT_FALSE(d.cluster.api.has(Cluster::pod_path("a") + "y"));
    EXPECT_TRUE(d.cluster.has_pod("a")) << "its log is kept";
    d.op.settle("a");
    EXPECT_EQ(d.op.locks.running(), 0U);
}

TEST(RunDriver, NoAttemptStartsWhileAPodOfAnEarlierOneLives) {
    Drive d;
    d.retries(1);
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.cluster.job_ends("a", 1, "Failed", "DeadlineExceeded");
    d.op.settle("a");
    EXPECT_EQ(d.cluster.attempts("a")[0]["reason"], "AttemptDeadlineExceeded");
    d.cluster.clock.now += minutes(1);
    d.op.settle("a");
    EXPECT_FALSE(d.cluster.has_job("a", 2));
    EXPECT_EQ(d.cluster.condition("a"), "Unknown/Retrying");
    EXPECT_THAT(d.cluster.message("a"), HasSubstr("has not ended yet"));
    EXPECT_EQ(d.op.locks.running(), 1U) << "the pod may still write";
    d.cluster.pod_ends("a");
    d.op.settle("a");
    EXPECT_TRUE(d.cluster.is_let_go("a", 2));
}

TEST(RunDriver, NoAttemptStartsWhileTheJobOfAnEarlierOneCouldStillMakeAPod) {
    Drive d;
    d.retries(1);
    d.op.settle("a");
    const auto call = "DELETE " + Cluster::job_path("a");
    d.cluster.api.failures[call] = 500;
    d.cluster.clock.now += minutes(11);
    EXPECT_FALSE(d.op.drive("a")) << "its quota kept it from making a pod, and it can't be removed";
    EXPECT_EQ(d.cluster.attempts("a")[0]["reason"], "StartTimeout");
    d.cluster.clock.now += minutes(1);
    EXPECT_FALSE(d.op.drive("a"));
    EXPECT_FALSE(d.cluster.has_job("a", 2));
    d.cluster.api.failures.clear();
    d.op.settle("a");
    EXPECT_FALSE(d.cluster.has_job("a", 1));
    EXPECT_TRUE(d.cluster.is_let_go("a", 2));
}

TEST(RunDriver, AnAttemptOnASilentNodeDoesNotHoldUpTheNextOne) {
    Drive d;
    d.retries(1);
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.cluster.node_is_silent("a", 1, d.cluster.clock.now);
    d.cluster.clock.now += minutes(3);
    d.op.settle("a");
    EXPECT_EQ(d.cluster.attempts("a")[0]["reason"], "PodLost");
    d.cluster.clock.now += minutes(1);
    d.op.settle("a");
    EXPECT_TRUE(d.cluster.is_let_go("a", 2));
}

TEST(RunDriver, KeepsTheJobOfAFailedAttemptForAnHour) {
    Drive d;
    d.attempt_ends(Reason::kSourceUnreachable);
    EXPECT_EQ(d.cluster.condition("a"), "False/SourceUnreachable");
    EXPECT_TRUE(d.cluster.has_job("a")) << "its log";
    d.cluster.clock.now += minutes(59);
    EXPECT_EQ(d.op.settle("a"), Requeue{minutes(1)});
    EXPECT_TRUE(d.cluster.has_job("a"));
    d.cluster.clock.now += minutes(1);
    d.op.settle("a");
    EXPECT_FALSE(d.cluster.has_job("a"));
}

TEST(RunDriver, RemovesAJobThatNeverRanAtOnce) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_comes("a");
    d.cluster.clock.now += minutes(11);
    d.op.settle("a");
    EXPECT_EQ(d.cluster.condition("a"), "False/StartTimeout");
    EXPECT_FALSE(d.cluster.has_job("a")) << "it could start late, and has no log";
}

TEST(RunDriver, ACancelledRunLosesItsJobAndKeepsItsRecord) {
    for (const bool runs : {false, true}) {
        Drive d;
        d.op.settle("a");
        if (runs) d.cluster.pod_runs("a");
        d.cluster.change_owner("a", [](json& owner) { owner["spec"]["cancel"] = true; });
        ASSERT_TRUE(d.op.drive("a"));
        EXPECT_FALSE(d.cluster.has_job("a"));
        d.cluster.collect_garbage();
        d.op.settle("a");
        EXPECT_EQ(d.cluster.condition("a"), "False/Cancelled");
        EXPECT_EQ(d.cluster.condition("a", "Stalled"), "False/Cancelled");
        EXPECT_EQ(d.cluster.attempts("a").size(), 1U);
        EXPECT_EQ(d.op.locks.running(), 0U);
    }
}

TEST(RunDriver, ShowsHowFarARunIs) {
    Drive d;
    d.op.settle("a");
    d.cluster.pod_runs("a");
    d.op.progress = run::Progress{.bytes = 5, .files = 1, .phase = "Copying", .observed = kNow};
    d.op.settle("a");
    EXPECT_EQ(d.cluster.owner("a")["status"]["progress"]["bytes"], 5);
    d.cluster.runner_ends("a", 1, Reason::kSourceUnreachable);
    d.op.settle("a");
    EXPECT_FALSE(d.cluster.owner("a")["status"].contains("progress"));
}

}  // namespace
}  // namespace n4b::jobs
