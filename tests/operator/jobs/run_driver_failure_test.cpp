#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "operator/jobs/run_driver.hpp"
#include "tests/operator/jobs/operator_process.hpp"

namespace n4b::jobs {
namespace {

using base::ErrorCode;
using base::Reason;
using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kStatusPatch = "PATCH " + owner_path("a") + "/status";
const std::string kJobPatch = "PATCH " + Cluster::job_path("a");

/// A cluster with one object, "a", in which calls fail and operators die.
struct Broken {
    Cluster cluster{};
    OperatorProcess op{cluster};

    Broken() { cluster.add_owner("a", "prod"); }
    ~Broken() { EXPECT_THAT(cluster.violations, IsEmpty()); }
    Broken(const Broken&) = delete;
    Broken& operator=(const Broken&) = delete;

    [[nodiscard]] std::string job_uid() const {
        return cluster.api.get(Cluster::job_path("a")).value("/metadata/uid"_json_pointer, "");
    }
    [[nodiscard]] std::size_t made() const { return cluster.api.sent("POST", kJobs).size(); }
    /// Does something once, right after a request of that method and path was served.
    void once_after(const std::string& method, const std::string& part, std::function<void()> what) {
        cluster.api.after = [this, method, part, what = std::move(what), check = cluster.api.after, done = false](
                                const auto& request, int status) mutable {
            check(request, status);
            if (std::exchange(done, done || (request.method == method && request.path.starts_with(part)))) return;
            if (done) what();
        };
    }
    /// An operator that makes the Job and dies before it has recorded it.
    void dies_before_it_records() {
        cluster.api.failures[kStatusPatch] = 500;
        OperatorProcess dies(cluster);
        EXPECT_FALSE(dies.drive("a"));
        cluster.api.failures.clear();
        ASSERT_TRUE(cluster.has_job("a"));
        ASSERT_FALSE(cluster.is_let_go("a"));
    }
    /// An operator that records the Job and dies before it has let it go.
    void dies_before_it_lets_go() {
        cluster.api.failures[kJobPatch] = 500;
        OperatorProcess dies(cluster);
        EXPECT_FALSE(dies.drive("a"));
        cluster.api.failures.clear();
        ASSERT_EQ(cluster.attempts("a").size(), 1U);
        ASSERT_FALSE(cluster.is_let_go("a"));
    }
};

TEST(RunDriver, TakesItsJobBackWhenTheObjectHasChangedMeanwhile) {
    Broken b;
    b.once_after("POST", kJobs, [&] {
        b.cluster.change_owner("a", [](json& owner) { owner["metadata"]["annotations"]["by"] = "somebody"; });
    });
    const auto done = b.op.drive("a");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_FALSE(b.cluster.has_job("a"));
    EXPECT_EQ(b.op.locks.running(), 0U);
    b.op.settle("a");
    EXPECT_TRUE(b.cluster.is_let_go("a"));
}

TEST(RunDriver, LeavesItsJobWhenAnotherOperatorHasRecordedIt) {
    Broken b;
    b.once_after("POST", kJobs, [&] {
        OperatorProcess other(b.cluster);
        EXPECT_TRUE(other.drive("a"));
    });
    const auto done = b.op.drive("a");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_TRUE(b.cluster.is_let_go("a")) << "the other operator adopted it and let it go";
    b.op.settle("a");
    EXPECT_TRUE(b.cluster.has_job("a"));
    EXPECT_EQ(b.op.locks.running(), 1U);
}

TEST(RunDriver, LetsNothingGoWhoseObjectWasDeletedMeanwhile) {
    for (const bool answers : {true, false}) {
        Broken b;
        const auto before = b.cluster.owner("a");
        b.once_after("POST", kJobs, [&] { b.cluster.delete_owner("a"); });
        b.cluster.api.before = [&](const http::Request& request) -> std::optional<int> {
            const bool second_look = request.method == "GET" && request.path == owner_path("a");
            return second_look && !answers ? std::optional(503) : std::nullopt;
        };
        b.op.watch();
        (void)b.op.drive_as(before);
        EXPECT_FALSE(b.cluster.is_let_go("a"));
        EXPECT_EQ(b.op.locks.running(), 0U);
    }
}

TEST(RunDriver, GoesOnWithTheSameJobWhenTheAnswerToTheStatusWriteWasLost) {
    Broken b;
    b.cluster.api.lost[kStatusPatch] = 503;
    EXPECT_FALSE(b.op.drive("a"));
    EXPECT_FALSE(b.cluster.is_let_go("a")) << "it can't know that the Job is recorded";
    const auto uid = b.job_uid();
    b.cluster.api.lost.clear();
    b.op.settle("a");
    EXPECT_TRUE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.job_uid(), uid);
    EXPECT_EQ(b.made(), 1U);
}

TEST(RunDriver, GoesOnWithTheSameJobAlsoWhenItsViewIsOlderThanThatWrite) {
    Broken b;
    const auto before = b.cluster.owner("a");
    b.cluster.api.lost[kStatusPatch] = 503;
    EXPECT_FALSE(b.op.drive("a"));
    b.cluster.api.lost.clear();
    const auto again = b.op.drive_as(before);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kConflict);
    const auto uid = b.job_uid();
    ASSERT_FALSE(uid.empty());
    b.op.settle("a");
    EXPECT_TRUE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.job_uid(), uid);
}

TEST(RunDriver, AnOldViewOfTheObjectDoesNotRemoveTheJobThatRuns) {
    Broken b;
    const auto before = b.cluster.owner("a");
    b.op.settle("a");
    b.cluster.pod_runs("a");
    const auto uid = b.job_uid();
    // The Job's event wakes the run before the object's own change has come.
    const auto again = b.op.drive_as(before);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kConflict);
    EXPECT_EQ(b.job_uid(), uid);
    b.op.settle("a");
    EXPECT_EQ(b.cluster.condition("a"), "Unknown/Running");
    EXPECT_EQ(b.op.locks.running(), 1U);
}

TEST(RunDriver, AdoptsAJobThatAnEarlierLifeCouldNotRecord) {
    Broken b;
    b.dies_before_it_records();
    const auto uid = b.job_uid();
    b.op.settle("a");
    EXPECT_EQ(b.job_uid(), uid);
    EXPECT_TRUE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.cluster.attempts("a")[0]["jobUID"], uid);
}

TEST(RunDriver, MakesAJobAnewThatAnEarlierLifeMadeWithOtherSettings) {
    Broken b;
    b.dies_before_it_records();
    const auto uid = b.job_uid();
    b.cluster.image = "newer";
    OperatorProcess updated(b.cluster);
    const auto done = updated.drive("a");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable) << "tried again soon";
    updated.settle("a");
    EXPECT_NE(b.job_uid(), uid);
    EXPECT_TRUE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.cluster.attempts("a").size(), 1U) << "that burns no attempt";
}

TEST(RunDriver, DoesNotRemoveAJobThatAnotherOperatorLetsGoAtThatMoment) {
    Broken b;
    b.dies_before_it_records();
    const auto uid = b.job_uid();
    OperatorProcess of_those_settings(b.cluster);
    b.cluster.image = "newer";
    OperatorProcess updated(b.cluster);
    b.once_after("GET", owner_path("a"), [&] { EXPECT_TRUE(of_those_settings.drive("a")); });
    const auto done = updated.drive("a");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_EQ(b.job_uid(), uid);
    EXPECT_TRUE(b.cluster.is_let_go("a"));
}

TEST(RunDriver, LeavesAJobOfItsNameThatIsSomebodyElses) {
    Broken b;
    b.cluster.api.put(Cluster::job_path("a"), {{"metadata", {{"namespace", "db"}}}, {"spec", {{"suspend", true}}}});
    const auto uid = b.job_uid();
    b.op.settle("a");
    EXPECT_EQ(b.cluster.condition("a"), "False/JobConflict");
    EXPECT_EQ(b.cluster.attempts("a")[0]["reason"], "JobConflict");
    EXPECT_EQ(b.job_uid(), uid);
    EXPECT_FALSE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.op.locks.running(), 0U);
}

TEST(RunDriver, LetsAJobGoThatAnEarlierLifeHasRecorded) {
    Broken b;
    b.dies_before_it_lets_go();
    b.op.recover();
    EXPECT_EQ(b.op.locks.running(), 0U) << "nothing of it can run";
    b.op.settle("a");
    EXPECT_TRUE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.op.locks.running(), 1U);
    EXPECT_EQ(b.made(), 1U);
}

TEST(RunDriver, TakesTheLocksBeforeItLetsARecordedJobGo) {
    Broken b;
    b.dies_before_it_lets_go();
    b.cluster.add_owner("other", "prod");
    b.op.settle("other");
    ASSERT_TRUE(b.cluster.is_let_go("other"));
    b.op.settle("a");
    EXPECT_FALSE(b.cluster.is_let_go("a")) << "another run of the source works";
    b.cluster.runner_ends("other", 1, Reason::kCompleted);
    b.op.settle("other");
    EXPECT_THAT(b.op.woken, ::testing::Contains("db/a"));
    b.op.settle("a");
    EXPECT_TRUE(b.cluster.is_let_go("a"));
}

TEST(RunDriver, SeesThatTheRecordedJobWasReplacedByAnother) {
    Broken b;
    b.dies_before_it_lets_go();
    auto other = b.cluster.api.get(Cluster::job_path("a"));
    other["metadata"]["uid"] = "another";
    b.cluster.api.put(Cluster::job_path("a"), other);
    b.op.settle("a");
    EXPECT_FALSE(b.cluster.is_let_go("a"));
    EXPECT_EQ(b.cluster.attempts("a")[0]["reason"], "JobDeleted");
}

/// Refuses each status write that holds more than conditions, or every one.
void refuse_status(Cluster& cluster, bool conditions_too) {
    cluster.api.before = [conditions_too](const http::Request& request) -> std::optional<int> {
        if (request.method != "PATCH" || !request.path.ends_with("/status")) return std::nullopt;
        const auto status = json::parse(request.body)["status"];
        const bool more = status.size() > status.count("conditions");
        return conditions_too || more ? std::optional(422) : std::nullopt;
    };
}

TEST(RunDriver, ARunWhoseStatusIsRefusedEndsAndHoldsNothing) {
    Broken b;
    refuse_status(b.cluster, false);
    ASSERT_TRUE(b.op.drive("a"));
    EXPECT_EQ(b.cluster.condition("a"), "False/StatusRefused");
    EXPECT_EQ(b.cluster.condition("a", "Finished"), "True/StatusRefused");
    EXPECT_FALSE(b.cluster.has_job("a"));
    EXPECT_EQ(b.op.locks.running(), 0U);
    EXPECT_EQ(b.op.settle("a"), Requeue{});
    EXPECT_EQ(b.made(), 1U) << "it is over";
}

TEST(RunDriver, ARunWhoseConditionsAreRefusedTooHoldsNothingAndIsTriedSeldom) {
    Broken b;
    refuse_status(b.cluster, true);
    const auto done = b.op.drive("a");
    ASSERT_TRUE(done);
    EXPECT_GE(*done, std::chrono::milliseconds(minutes(10)));
    EXPECT_FALSE(b.cluster.has_job("a"));
    EXPECT_EQ(b.op.locks.running(), 0U);
    EXPECT_THAT(b.op.metrics(), HasSubstr("refused"));
}

TEST(RunDriver, AnAttemptUnderWayGoesWithItsRunWhenTheStatusIsRefused) {
    Broken b;
    b.op.settle("a");
    b.cluster.pod_runs("a");
    b.op.settle("a");
    refuse_status(b.cluster, false);
    b.op.progress = run::Progress{.bytes = 5, .observed = kNow};
    ASSERT_TRUE(b.op.drive("a"));
    EXPECT_EQ(b.cluster.condition("a"), "False/StatusRefused");
    b.op.settle("a");
    EXPECT_FALSE(b.cluster.has_job("a")) << "nobody could follow it";
    b.cluster.collect_garbage();
    b.op.settle("a");
    EXPECT_EQ(b.op.locks.running(), 0U);
}

TEST(RunDriver, WhatCannotBeReadIsTriedAgainAndKeepsNothing) {
    Broken b;
    b.op.settle("a");
    b.cluster.clock.now += minutes(11);
    b.cluster.api.failures[std::string("GET ") + kPods] = 500;
    EXPECT_FALSE(b.op.drive("a")) << "an absence that could not be looked at does not count";
    EXPECT_FALSE(b.cluster.attempts("a")[0].contains("endTime"));
    b.cluster.api.failures.clear();
    b.op.settle("a");
    EXPECT_EQ(b.cluster.attempts("a")[0]["reason"], "StartTimeout");
}

}  // namespace
}  // namespace n4b::jobs
