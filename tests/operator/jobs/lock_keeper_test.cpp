#include "operator/jobs/lock_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/jobs/operator_process.hpp"

namespace n4b::jobs {
namespace {

using base::Reason;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Two objects of one source and claim, "a" and "b", one of another, "c", and an operator that lets so many run.
struct Keep {
    Cluster cluster{};
    OperatorProcess op;

    explicit Keep(std::size_t limit = 10) : op(cluster, limit) {
        cluster.add_owner("a", "prod", "disk");
        cluster.add_owner("b", "prod", "disk");
        cluster.add_owner("c", "other");
    }
    ~Keep() { EXPECT_THAT(cluster.violations, IsEmpty()); }
    Keep(const Keep&) = delete;
    Keep& operator=(const Keep&) = delete;

    void retries(const std::string& name) {
        cluster.change_owner(name, [](json& owner) { owner["spec"]["retry"] = {{"limit", 3}, {"backoff", "1h"}}; });
    }
    bool starts(const std::string& name, int attempt = 1) {
        op.settle(name);
        return cluster.is_let_go(name, attempt);
    }
};

TEST(LockKeeper, OneRunASource) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    EXPECT_FALSE(k.starts("b"));
    EXPECT_EQ(k.cluster.condition("b"), "Unknown/Queued");
    EXPECT_THAT(k.cluster.message("b"), HasSubstr("is held by Neo4jBackup db/a"));
    EXPECT_FALSE(k.cluster.has_job("b"));
    EXPECT_TRUE(k.starts("c"));
    k.cluster.runner_ends("a", 1, Reason::kCompleted);
    k.op.settle("a");
    EXPECT_THAT(k.op.woken, Contains("db/b"));
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, HoldsNothingThroughTheWaitForARetry) {
    Keep k(1);
    k.retries("a");
    EXPECT_TRUE(k.starts("a"));
    k.cluster.runner_ends("a", 1, Reason::kSourceUnreachable);
    k.op.settle("a");
    EXPECT_EQ(k.cluster.condition("a"), "Unknown/Retrying");
    EXPECT_EQ(k.op.locks.running(), 0U);
    EXPECT_TRUE(k.starts("c")) << "the only slot is free";
    EXPECT_FALSE(k.starts("b"));
    k.cluster.runner_ends("c", 1, Reason::kCompleted);
    k.op.settle("c");
    EXPECT_TRUE(k.starts("b")) << "and so is the source";
}

TEST(LockKeeper, HoldsNothingAtAClosedGate) {
    Keep k(1);
    k.cluster.gates["a"] = {Reason::kStorageNotFound, "no storage"};
    EXPECT_FALSE(k.starts("a"));
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, TenRunsThatFailAndWaitStopNobody) {
    Keep k(1);
    for (int i = 0; i < 10; ++i) {
        const auto name = "bad-" + std::to_string(i);
        k.cluster.add_owner(name, "source-" + std::to_string(i));
        k.retries(name);
        EXPECT_TRUE(k.starts(name)) << name;
        k.cluster.runner_ends(name, 1, Reason::kSourceUnreachable);
        k.op.settle(name);
    }
    EXPECT_TRUE(k.starts("c"));
}

TEST(LockKeeper, HoldsOnWhileThePodOfADeletedObjectLives) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    k.cluster.pod_runs("a");
    k.op.watch();
    k.cluster.delete_owner("a");
    k.op.watch();
    k.op.locks.sweep("Neo4jBackup", "db/a", "");
    EXPECT_FALSE(k.starts("b")) << "the pod still writes";
    k.cluster.collect_garbage();
    k.cluster.collect_garbage();
    k.op.watch();
    k.op.woken.clear();
    k.op.locks.sweep("Neo4jBackup", "db/a", "");
    EXPECT_THAT(k.op.woken, ElementsAre("db/b"));
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, HoldsOnWhileThePodOfAnObjectLivesThatWasMadeAnew) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    k.cluster.pod_runs("a");
    k.op.watch();
    k.cluster.delete_owner("a");
    k.cluster.api.objects.erase(Cluster::job_path("a"));
    k.cluster.add_owner("a", "prod", "disk");
    k.cluster.change_owner("a", [](json& owner) { owner["metadata"]["uid"] = "another-uid"; });
    k.op.settle("a");
    EXPECT_EQ(k.cluster.condition("a"), "Unknown/Queued");
    k.cluster.pod_ends("a");
    k.op.settle("a");
    EXPECT_EQ(k.cluster.condition("a"), "Unknown/Pending");
}

TEST(LockKeeper, OneThatWasDeletedWhileItWaitedStopsNobody) {
    Keep k(1);
    EXPECT_TRUE(k.starts("c"));
    EXPECT_FALSE(k.starts("a"));
    EXPECT_FALSE(k.starts("b"));
    k.cluster.delete_owner("a");
    k.op.locks.sweep("Neo4jBackup", "db/a", "");
    k.cluster.runner_ends("c", 1, Reason::kCompleted);
    k.op.settle("c");
    EXPECT_TRUE(k.starts("b")) << "a would never take its turn";
}

TEST(LockKeeper, OneThatIsBeingDeletedWhileItWaitsStopsNobody) {
    Keep k(1);
    EXPECT_TRUE(k.starts("c"));
    EXPECT_FALSE(k.starts("a"));
    EXPECT_FALSE(k.starts("b"));
    k.cluster.change_owner("a", [](json& owner) { owner["metadata"]["deletionTimestamp"] = "2026-11-26T00:00:00Z"; });
    k.op.settle("a");
    k.cluster.runner_ends("c", 1, Reason::kCompleted);
    k.op.settle("c");
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, OneThatEndedWhileItWaitedStopsNobody) {
    Keep k(1);
    EXPECT_TRUE(k.starts("c"));
    EXPECT_FALSE(k.starts("a"));
    EXPECT_FALSE(k.starts("b"));
    k.cluster.change_owner("a", [](json& owner) { owner["status"]["completionTime"] = "2026-11-26T00:00:00Z"; });
    k.op.settle("a");
    k.cluster.runner_ends("c", 1, Reason::kCompleted);
    k.op.settle("c");
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, ACancelledRunThatWasNeverLetGoHoldsNothing) {
    Keep k;
    k.cluster.api.failures["PATCH " + Cluster::job_path("a")] = 500;
    EXPECT_FALSE(k.op.drive("a"));
    k.cluster.api.failures.clear();
    k.cluster.change_owner("a", [](json& owner) { owner["spec"]["cancel"] = true; });
    k.op.settle("a");
    k.op.settle("a");
    EXPECT_EQ(k.cluster.condition("a"), "False/Cancelled");
    EXPECT_EQ(k.op.locks.running(), 0U);
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, APodThatAnotherContainerKeepsAliveKeepsItsClaimOnly) {
    Keep k(1);
    EXPECT_TRUE(k.starts("a"));
    k.cluster.runner_ends("a", 1, Reason::kSourceUnreachable, Cluster::Pod::kIsKeptAliveByAnother);
    k.op.settle("a");
    k.cluster.clock.now += minutes(5);
    k.op.settle("a");
    EXPECT_TRUE(k.cluster.has_pod("a")) << "nobody waits for it";
    EXPECT_EQ(k.op.locks.running(), 0U);
    k.cluster.add_owner("d", "prod");
    EXPECT_TRUE(k.starts("d")) << "it does not need the claim";
    k.cluster.runner_ends("d", 1, Reason::kCompleted);
    k.op.settle("d");
    k.op.settle("a");
    EXPECT_TRUE(k.cluster.has_pod("a"));
}

TEST(LockKeeper, APodThatAnotherContainerKeepsAliveGoesWhenItsClaimIsAwaited) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    k.cluster.runner_ends("a", 1, Reason::kSourceUnreachable, Cluster::Pod::kIsKeptAliveByAnother);
    k.op.settle("a");
    k.op.woken.clear();
    EXPECT_FALSE(k.starts("b"));
    EXPECT_THAT(k.op.woken, Contains("db/a")) << "nothing else would have it looked at";
    k.op.settle("a");
    EXPECT_FALSE(k.cluster.has_pod("a"));
    EXPECT_TRUE(k.cluster.has_job("a")) << "its log is lost, but its events are not";
    k.op.settle("a");
    EXPECT_TRUE(k.starts("b"));
}

TEST(LockKeeper, APodOnASilentNodeKeepsItsClaimOnly) {
    Keep k;
    k.retries("a");
    k.cluster.add_owner("d", "prod");
    EXPECT_TRUE(k.starts("a"));
    k.cluster.pod_runs("a");
    k.cluster.node_is_silent("a", 1, k.cluster.clock.now);
    k.cluster.clock.now += minutes(3);
    k.op.settle("a");
    EXPECT_EQ(k.cluster.condition("a"), "Unknown/Retrying");
    EXPECT_FALSE(k.starts("b")) << "the volume may still be mounted";
    EXPECT_TRUE(k.starts("d")) << "another node can reach the source";
}

TEST(LockKeeper, ARestartFindsWhatLivingPodsHold) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    EXPECT_TRUE(k.starts("c"));
    k.cluster.pod_runs("c");
    k.cluster.delete_owner("c");
    k.cluster.api.objects.erase(Cluster::job_path("c"));
    OperatorProcess again(k.cluster);
    again.recover();
    EXPECT_EQ(again.locks.running(), 2U);
    again.settle("b");
    EXPECT_FALSE(k.cluster.has_job("b")) << "the Job of a works, although it has no pod yet";
    k.cluster.add_owner("d", "other");
    again.settle("d");
    EXPECT_FALSE(k.cluster.has_job("d")) << "the Job and the object of the pod are gone";
    k.cluster.pod_ends("c");
    again.watch();
    again.locks.sweep("Neo4jBackup", "db/c", "");
    EXPECT_THAT(again.woken, Contains("db/d"));
    again.settle("d");
    EXPECT_TRUE(k.cluster.is_let_go("d"));
}

TEST(LockKeeper, ARestartHoldsNothingForWhatIsOver) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    k.cluster.runner_ends("a", 1, Reason::kSourceUnreachable);
    k.cluster.job_ends("a", 1, "Failed");
    OperatorProcess again(k.cluster);
    again.recover();
    EXPECT_EQ(again.locks.running(), 0U);
}

TEST(LockKeeper, APodNamesNoLockOfAnotherNamespace) {
    Keep k;
    EXPECT_TRUE(k.starts("a"));
    k.cluster.pod_runs("a");
    auto pod = k.cluster.api.get(Cluster::pod_path("a"));
    k.cluster.api.objects.erase(Cluster::pod_path("a"));
    k.cluster.api.objects.erase(Cluster::job_path("a"));
    k.cluster.delete_owner("a");
    pod["metadata"]["namespace"] = "elsewhere";
    k.cluster.api.put(Cluster::pod_path("a"), pod);
    OperatorProcess again(k.cluster);
    again.recover();
    again.settle("b");
    EXPECT_TRUE(k.cluster.is_let_go("b")) << "anybody may write an annotation";
}

TEST(LockNames, AreReadOneALine) {
    EXPECT_THAT(lock_names({.object_namespace = "db", .locks = "source db/a, database d\nclaim db/b\nclaim other/c\n"}),
                ElementsAre("source db/a, database d", "claim db/b"));
    EXPECT_THAT(lock_names({}), IsEmpty());
}

}  // namespace
}  // namespace n4b::jobs
