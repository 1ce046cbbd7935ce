#include "operator/kinds/restore/restore.hpp"

#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::restore {
namespace {

using base::Json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Json example() {
    return {
        {"metadata", {{"namespace", "db"}, {"name", "r"}, {"uid", "u-1"}, {"resourceVersion", "7"}, {"generation", 1}}},
        {"spec",
         {{"storageRef", {{"name", "offsite"}}},
          {"sourceName", "prod"},
          {"database", "graph.db"},
          {"chain", "20261122T215049Z-3f9c21"},
          {"beforeTime", "2026-11-22T21:50:49.123Z"},
          {"target", {{"claimName", "data"}, {"path", "a/b"}, {"transactionLogPath", "logs"}}},
          {"recovery", "Server"},
          {"runner", {{"resources", {{"limits", {{"memory", "256Mi"}}}}}}},
          {"timeouts", {{"run", "2h"}}},
          {"ttlAfterFinished", "1h"}}}};
}

TEST(RestoreSpec, IsReadAsTheApiServerSendsIt) {
    const auto restore = parse_restore(example());
    ASSERT_TRUE(restore) << restore.error().message;
    const auto& spec = restore->spec;
    EXPECT_EQ(spec.storage, "offsite");
    EXPECT_EQ(spec.source, "prod");
    EXPECT_EQ(spec.database, "graph.db");
    EXPECT_EQ(spec.chain, "20261122T215049Z-3f9c21");
    EXPECT_EQ(spec.before_time, base::SystemTime(milliseconds(1'795'384'249'123)));
    EXPECT_FALSE(spec.before_transaction);
    EXPECT_EQ(spec.claim, "data");
    EXPECT_EQ(spec.path, "a/b");
    EXPECT_EQ(spec.log_path, "logs");
    EXPECT_EQ(spec.resources.limits.at("memory"), "256Mi");
    EXPECT_EQ(spec.policy.run, hours(2));
    EXPECT_EQ(spec.policy.lost_report, run::RunPolicy::LostReport::kNothing) << "a retry finds what is finished";
    EXPECT_EQ(spec.ttl, hours(1));
    EXPECT_EQ(spec.recovery, Recovery::kServer);
}

TEST(RestoreSpec, NamesABackupInPlaceOfAStorage) {
    auto json = example();
    json["spec"] = {{"backupRef", {{"name", "nightly"}}}, {"beforeTransaction", 9}, {"target", {{"claimName", "d"}}}};
    const auto restore = parse_restore(json);
    ASSERT_TRUE(restore) << restore.error().message;
    EXPECT_EQ(restore->spec.backup, "nightly");
    EXPECT_EQ(restore->spec.before_transaction, 9);
    EXPECT_TRUE(restore->spec.storage.empty());
    EXPECT_EQ(restore->spec.recovery, Recovery::kNone);
}

TEST(RestoreSpec, NamesWhatIsWrong) {
    auto json = example();
    json["spec"]["recovery"] = "Always";
    EXPECT_EQ(parse_restore(json).error().message, "spec.recovery: expected None or Server");
    json["spec"].erase("recovery");
    json["spec"]["target"].erase("claimName");
    EXPECT_EQ(parse_restore(json).error().message, "spec.target.claimName: missing");
    json["spec"].erase("target");
    EXPECT_EQ(parse_restore(json).error().message, "spec.target: missing");
    json.erase("spec");
    EXPECT_EQ(parse_restore(json).error().message, "spec: missing");
}

TEST(RestoreStatus, SurvivesItsJsonForm) {
    RestoreStatus status{
        .observed_generation = 1,
        .runner_image = "image",
        .memory_limit = "128Mi",
        .server_image = "neo4j:3.4",
        .server_memory_limit = "2Gi",
        .storage = "offsite",
        .source = "prod",
        .database = "graph.db",
        .restored = contract::RestoredReport{.chain = "c",
                                             .artifact = "a",
                                             .artifacts = 3,
                                             .transaction = 77,
                                             .recoverable_to = base::SystemTime(seconds(1'790'000'000)),
                                             .files = 12,
                                             .bytes = 5 << 20},
        .path = "databases/graph.db",
        .log_path = "logs",
        .recovered = true};
    status.run.started = base::SystemTime(seconds(1'790'000'100));
    status.run.completed = base::SystemTime(seconds(1'790'000'132));
    run::set_verdict(status.conditions,
                     {.outcome = run::Verdict::Outcome::kSucceeded, .reason = base::Reason::kCompleted, .message = "m"},
                     {.now = base::SystemTime(seconds(1'790'000'132)), .generation = 1});
    auto json = example();
    json["status"] = Json::parse(status_json(status));
    const auto read = parse_restore(json);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->status, status);
    EXPECT_EQ(json["status"]["display"]["size"], "5.0 MiB");
    EXPECT_EQ(json["status"]["display"]["took"], "32s");
}

}  // namespace
}  // namespace n4b::restore
