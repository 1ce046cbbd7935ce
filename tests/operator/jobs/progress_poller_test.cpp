#include "operator/controllers/progress_poller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/contract/progress.hpp"

namespace n4b::controllers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// One backup whose runner works, and what it answers.
struct Poll {
    World world{.backups = kube::Store<api::Backup>([](auto&&...) {}),
                .storages = kube::Store<api::Storage>([](auto&&...) {}),
                .jobs = kube::Store<api::Job>([](auto&&...) {}),
                .pods = kube::Store<api::Pod>([](auto&&...) {})};
    telemetry::Metrics metrics{};
    base::RealClock clock{};
    base::Result<std::string> answer = std::string();
    std::vector<std::string> asked{};
    std::vector<std::string> woken{};
    ProgressPoller poller{{.world = world,
                           .metrics = metrics,
                           .clock = clock,
                           .fetch =
                               [this](const std::string& ip, const std::stop_token&) {
                                   asked.push_back(ip);
                                   return answer;
                               },
                           .wake = [this](const std::string& key) { woken.push_back(key); }}};

    Poll() {
        api::Backup backup;
        backup.meta = {.object_namespace = "db", .name = "b", .uid = "u-1"};
        backup.spec.source = "prod";
        backup.spec.database = "graph.db";
        world.backups.apply("db/b", backup);
        running(true);
        tells("u-1");
    }
    void running(bool running) {
        api::Pod pod{.ip = "10.0.0.9"};
        pod.meta.backup_uid = "u-1";
        pod.runner = api::RunnerContainer{.running = running};
        world.pods.apply("db/b-1-x", pod);
    }
    void tells(const char* uid) {
        answer = to_json(contract::Progress{.run_uid = uid, .attempt = 1, .phase = "Copying", .files = 3, .bytes = 77});
    }
    std::optional<api::RunProgress> poll() {
        poller.poll({});
        return poller.latest("db/b");
    }
};

TEST(ProgressPoller, TellsWhatTheRunnerOfABackupTold) {
    Poll p;
    const auto seen = p.poll();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->bytes, 77);
    EXPECT_EQ(seen->phase, "Copying");
    EXPECT_THAT(p.asked, testing::ElementsAre("10.0.0.9"));
    EXPECT_THAT(p.woken, testing::ElementsAre("db/b"));
    EXPECT_THAT(p.metrics.text(),
                HasSubstr(R"(neo4jbackup_run_bytes{database="graph.db",namespace="db",source="prod"} 77)"));
}

TEST(ProgressPoller, ForgetsARunThatHasEnded) {
    Poll p;
    p.poll();
    p.running(false);
    EXPECT_FALSE(p.poll());
    EXPECT_EQ(p.asked.size(), 1U);
    EXPECT_THAT(p.metrics.text(), Not(HasSubstr("neo4jbackup_run_bytes{")));
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

TEST(SourceLag, IsNaNWhenUnknown) {
    telemetry::Metrics metrics;
    const telemetry::RunLabels run{.object_namespace = "db", .source = "prod", .database = "d"};
    metrics.source_lag(run, 3);
    EXPECT_THAT(metrics.text(), HasSubstr(R"(lag_transactions{database="d",namespace="db",source="prod"} 3)"));
    metrics.source_lag(run, std::nullopt);
    EXPECT_THAT(metrics.text(), HasSubstr(R"(source="prod"} Nan)"));
}

}  // namespace
}  // namespace n4b::controllers
