#include "operator/jobs/progress_poller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/contract/progress.hpp"

namespace n4b::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// One Job whose runner works, and what it answers.
struct Poll {
    kube::Store<api::Job> jobs{[](auto&&...) {}};
    kube::Store<api::Pod> pods{[](auto&&...) {}};
    kube::OwnerIndex<api::Job> jobs_by_owner{jobs};
    kube::OwnerIndex<api::Pod> pods_by_owner{pods};
    Workload workload{.jobs = jobs, .pods = pods, .jobs_by_owner = jobs_by_owner, .pods_by_owner = pods_by_owner};
    base::RealClock clock{};
    base::Result<std::string> answer = std::string();
    std::vector<std::string> asked{};
    std::vector<std::string> woken{};
    ProgressPoller poller{{.workload = workload,
                           .clock = clock,
                           .fetch =
                               [this](const std::string& ip, const std::stop_token&) {
                                   asked.push_back(ip);
                                   return answer;
                               },
                           .wake = [this](const auto& kind, const auto& key) { woken.push_back(kind + " " + key); }}};

    Poll() {
        job({});
        pod({.running = true});
        tells("u-1");
    }
    void job(api::Job job) {
        job.meta = {.object_namespace = "db",
                    .name = "b-1",
                    .uid = "job",
                    .controller_uid = "u-1",
                    .owner_kind = "Neo4jBackup",
                    .owner_name = "b"};
        jobs.apply("db/b-1", job);
    }
    void pod(api::ContainerState runner, const std::string& job_uid = "job") {
        api::Pod pod{.ip = "10.0.0.9", .source = "prod", .database = "graph.db"};
        pod.meta = {.object_namespace = "db", .name = "b-1-x", .uid = "pod", .controller_uid = job_uid};
        pod.runner = std::move(runner);
        pods.apply("db/b-1-x", pod);
    }
    void tells(const char* uid) {
        answer = to_json(contract::Progress{.run_uid = uid,
                                            .attempt = 1,
                                            .phase = "Copying",
                                            .files = 3,
                                            .bytes = 77,
                                            .total_bytes = 100,
                                            .remaining = std::chrono::seconds(9)});
    }
    std::optional<run::Progress> poll() {
        poller.poll({});
        return poller.latest("u-1");
    }
};

TEST(ProgressPoller, TellsWhatTheRunnerOfARunTold) {
    Poll p;
    const auto seen = p.poll();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->bytes, 77);
    EXPECT_EQ(seen->phase, "Copying");
    EXPECT_EQ(seen->total_bytes, 100);
    EXPECT_EQ(seen->remaining, std::chrono::seconds(9));
    EXPECT_THAT(p.asked, ElementsAre("10.0.0.9"));
    EXPECT_THAT(p.woken, ElementsAre("Neo4jBackup db/b"));
    const auto gauges = p.poller.gauges();
    ASSERT_EQ(gauges.size(), 2U);
    EXPECT_EQ(gauges[0].name, "neo4jbackup_run_bytes");
    EXPECT_EQ(gauges[0].value, 77);
    EXPECT_EQ(gauges[0].labels,
              (std::map<std::string, std::string>{{"database", "graph.db"}, {"namespace", "db"}, {"source", "prod"}}));
}

TEST(ProgressPoller, ForgetsARunThatHasEnded) {
    Poll p;
    p.poll();
    p.pod({.terminated = true});
    EXPECT_FALSE(p.poll());
    EXPECT_EQ(p.asked.size(), 1U);
    EXPECT_THAT(p.poller.gauges(), IsEmpty());
}

TEST(ProgressPoller, AsksARunnerInAnInitContainerAndNoServer) {
    Poll p;
    const auto pod = [&](api::ContainerState runner, api::ContainerState server) {
        p.pod(std::move(runner));
        auto whole = *p.pods.get("db/b-1-x");
        whole.server = std::move(server);
        p.pods.apply("db/b-1-x", whole);
    };
    pod({.running = true}, {});
    EXPECT_TRUE(p.poll());
    pod({.terminated = true}, {.running = true});
    EXPECT_FALSE(p.poll());
    EXPECT_EQ(p.asked.size(), 1U);
}

TEST(ProgressPoller, AsksNobodyButTheRunnersOfJobsThatWork) {
    for (const auto& job : {api::Job{.suspended = true}, api::Job{.complete = true}, api::Job{.failed = true}}) {
        Poll p;
        p.job(job);
        EXPECT_FALSE(p.poll());
        EXPECT_THAT(p.asked, IsEmpty());
    }
    Poll forged;
    forged.pod({.running = true}, "another job");
    EXPECT_FALSE(forged.poll());
    EXPECT_THAT(forged.asked, IsEmpty());
}

TEST(ProgressPoller, BelievesNoOtherRunAndNoNonsense) {
    Poll p;
    p.tells("u-2");
    EXPECT_FALSE(p.poll());
    p.answer = std::string("<html>");
    EXPECT_FALSE(p.poll());
    p.answer = base::fail(base::ErrorCode::kDeadline, "late");
    EXPECT_FALSE(p.poll());
    EXPECT_TRUE(p.woken.empty());
}

}  // namespace
}  // namespace n4b::jobs
