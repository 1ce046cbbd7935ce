#include "operator/kinds/backup/backup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::backup {
namespace {

using base::Json;
using std::chrono::milliseconds;
using Outcome = run::Verdict::Outcome;

Json example() {
    return Json::parse(R"({
      "metadata": {"name": "b", "namespace": "db", "uid": "u-1", "resourceVersion": "7", "generation": 2,
                   "creationTimestamp": "2026-11-24T10:00:00Z"},
      "spec": {"sourceRef": {"name": "prod"}, "storageRef": {"name": "s"}, "databases": ["graph.db"],
               "type": "Incremental", "onIncrementalImpossible": "Fail", "maxChainLength": 30,
               "compression": "None", "verify": "Chain", "retry": {"limit": 1, "backoff": "500ms"},
               "timeouts": {"wait": "2h", "start": "1m", "attempt": "1h", "run": "1h30m", "connect": "1s", "stall": "2s"},
               "notAfter": "2026-11-25T00:00:00Z", "ttlAfterFinished": "168h",
               "runner": {"resources": {"limits": {"memory": "64Mi"}}, "connections": 4, "bandwidthLimit": "100Mi"}},
      "status": {"observedGeneration": -1}})");
}

TEST(Backup, IsRead) {
    const auto backup = parse_backup(example());
    ASSERT_TRUE(backup) << backup.error().message;
    const auto& spec = backup->spec;
    EXPECT_EQ(backup->meta.key(), "db/b");
    EXPECT_EQ(spec.source, "prod");
    EXPECT_EQ(spec.storage, "s");
    EXPECT_EQ(spec.database, "graph.db");
    EXPECT_EQ(spec.type, contract::BackupType::kIncremental);
    EXPECT_EQ(spec.when_impossible, contract::WhenImpossible::kFail);
    EXPECT_EQ(spec.max_chain_length, 30);
    EXPECT_EQ(spec.compression, contract::Compression::kNone);
    EXPECT_EQ(spec.verify, contract::VerifyLevel::kChain);
    EXPECT_EQ(spec.policy.retry_limit, 1);
    EXPECT_EQ(spec.policy.retry_backoff, milliseconds(500));
    EXPECT_EQ(spec.policy.wait, std::chrono::hours(2));
    EXPECT_EQ(spec.policy.run, std::chrono::minutes(90));
    EXPECT_EQ(spec.policy.not_after, base::SystemTime(std::chrono::seconds(1'795'564'800)));
    EXPECT_FALSE(spec.policy.cancelled);
    EXPECT_EQ(spec.timeouts.connect, std::chrono::seconds(1));
    EXPECT_EQ(spec.timeouts.prepare, contract::RunTimeouts{}.prepare);
    EXPECT_EQ(spec.ttl, std::chrono::hours(168));
    EXPECT_EQ(spec.resources.limits.at("memory"), "64Mi");
    EXPECT_EQ(spec.connections, 4);
    EXPECT_EQ(spec.bandwidth_limit, 100 << 20);
    EXPECT_FALSE(backup->status.run.finished());
}

TEST(Backup, HasDefaultsForAllButItsReferences) {
    auto json = example();
    json["spec"] = {{"sourceRef", {{"name", "prod"}}}, {"storageRef", {{"name", "s"}}}};
    const auto backup = parse_backup(json);
    ASSERT_TRUE(backup) << backup.error().message;
    BackupSpec expected;
    expected.source = "prod";
    expected.storage = "s";
    EXPECT_EQ(backup->spec, expected);
    EXPECT_EQ(backup->spec.type, contract::BackupType::kAuto);
    EXPECT_FALSE(backup->spec.ttl) << "GitOps would make the object anew";
    EXPECT_EQ(backup->spec.policy.wait, std::chrono::hours(24));
}

TEST(Backup, NamesTheFieldThatIsWrong) {
    for (const auto& [spec, field] :
         {std::pair(R"({"retry": {"limit": "many"}})", "spec.retry.limit"),
          std::pair(R"({"timeouts": {"wait": "soon"}})", "spec.timeouts.wait"),
          std::pair(R"({"timeouts": {"stall": 5}})", "spec.timeouts.stall"),
          std::pair(R"({"notAfter": "tomorrow"})", "spec.notAfter"), std::pair(R"({"cancel": "yes"})", "spec.cancel"),
          std::pair(R"({"sourceRef": {"name": null}})", "spec.sourceRef.name"),
          std::pair(R"({"databases": ["a", "b"]})", "spec.databases"),
          std::pair(R"({"type": "Differential"})", "spec.type"),
          std::pair(R"({"onIncrementalImpossible": "Ignore"})", "spec.onIncrementalImpossible"),
          std::pair(R"({"maxChainLength": "long"})", "spec.maxChainLength"),
          std::pair(R"({"verify": "chain"})", "spec.verify"),
          std::pair(R"({"ttlAfterFinished": "1d"})", "spec.ttlAfterFinished"),
          std::pair(R"({"runner": {"bandwidthLimit": "fast"}})", "spec.runner.bandwidthLimit")}) {
        auto json = example();
        json["spec"].merge_patch(Json::parse(spec));
        const auto backup = parse_backup(json);
        ASSERT_FALSE(backup) << spec;
        EXPECT_THAT(backup.error().message, testing::HasSubstr(field));
    }
    for (const char* text : {"null", "5", "[]", R"({"spec": []})", R"({"metadata": [], "spec": {"runner": []}})"}) {
        EXPECT_FALSE(parse_backup(Json::parse(text))) << text;
    }
}

/// The status as it is after it was written and read again.
BackupStatus again(const BackupStatus& status) {
    auto json = example();
    json["status"] = Json::parse(status_json(status));
    const auto backup = parse_backup(json);
    EXPECT_TRUE(backup) << backup.error().message;
    return backup ? backup->status : BackupStatus{};
}

TEST(BackupStatus, KeepsThatThereWasNothingNew) {
    const auto time = base::SystemTime(std::chrono::seconds(1'790'000'000));
    const BackupStatus status{.observed_generation = 2,
                              .database = "graph.db",
                              .up_to_date = contract::UpToDateReport{.chain = "c",
                                                                     .artifact = "c-000001",
                                                                     .transaction = 12,
                                                                     .recoverable_to = time,
                                                                     .current_at = time + std::chrono::hours(1)}};
    EXPECT_EQ(again(status), status);
    const auto database = Json::parse(status_json(status))["databases"][0];
    EXPECT_EQ(database["upToDate"], true);
    EXPECT_EQ(database["highestTransaction"], 12);
    EXPECT_FALSE(database.contains("kind")) << "this run stored nothing";
}

TEST(BackupStatus, SurvivesWritingAndReading) {
    const auto time = base::SystemTime(std::chrono::seconds(1'790'000'000));
    BackupStatus status{
        .observed_generation = 2,
        .run = {.attempts = {{.number = 1,
                              .job = "j",
                              .job_uid = "uid",
                              .started = time,
                              .ended = time,
                              .reason = "Evicted",
                              .message = "m"},
                             {.number = 2, .job = "k", .look_up = true, .started = time}},
                .started = time,
                .completed = time,
                .progress = run::Progress{.bytes = 5,
                                          .files = 1,
                                          .rate = 3,
                                          .total_bytes = 20,
                                          .remaining = std::chrono::seconds(5),
                                          .phase = "Copying",
                                          .observed = time}},
        .database = "graph.db",
        .runner_image = "i",
        .memory_limit = "64Mi",
        .source = contract::SourceReport{.address = "a:1",
                                         .store_id = "s",
                                         .last_transaction = 5,
                                         .member = "replica-0",
                                         .role = contract::MemberRole::kReadReplica,
                                         .newest_known_transaction = 8,
                                         .lag = 3,
                                         .choice = "the first",
                                         .prepare = milliseconds(20),
                                         .checkpoint_lock = milliseconds(10)},
        .tls = contract::TlsReport{.version = "TLSv1.3", .cipher = "c", .certificate_expires = time},
        .conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed", .last_transition = time}}};
    auto& artifact = status.artifact.emplace();
    artifact.database = "graph.db";
    artifact.chain = "c";
    artifact.current_at = time;
    artifact.level = "Chain";
    artifact.verified_at = time;
    artifact.recoverable_to = time;
    EXPECT_EQ(again(status), status);
}

TEST(BackupStatus, ShowsTheDatabaseBeforeAnythingIsStored) {
    BackupStatus status;
    status.database = "graph.db";
    EXPECT_EQ(Json::parse(status_json(status))["databases"], Json::parse(R"([{"name": "graph.db"}])"));
    EXPECT_EQ(again(status), status);
}

TEST(BackupStatus, AnUnknownLagSurvivesToo) {
    BackupStatus status;
    status.source = contract::SourceReport{.address = "a:1"};
    EXPECT_EQ(Json::parse(status_json(status))["source"]["lag"], "Unknown");
    EXPECT_EQ(again(status).source, status.source);
    status.source->lag = 0;
    EXPECT_EQ(Json::parse(status_json(status))["source"]["lag"], "0");
    EXPECT_EQ(again(status).source, status.source);
}

TEST(BackupStatus, LeavesOutWhatItDoesNotKnow) {
    const auto json = Json::parse(status_json({}));
    for (const char* key : {"source", "databases", "runner", "display"}) EXPECT_FALSE(json.contains(key)) << key;
    for (const char* key : {"startTime", "completionTime", "progress"}) EXPECT_TRUE(json[key].is_null()) << key;
}

TEST(BackupStatus, WithConditionsAloneCountsAsFinished) {
    BackupStatus refused;
    refused.observed_generation = 2;
    const auto time = base::SystemTime(std::chrono::seconds(1'790'000'000));
    run::set_verdict(refused.conditions,
                     {.outcome = Outcome::kFailed, .reason = base::Reason::kStatusRefused, .message = "m"},
                     {.now = time, .generation = 2});
    auto json = example();
    json["status"] = Json::parse(run::conditions_json(refused.observed_generation, refused.conditions));
    EXPECT_EQ(json["status"].size(), 2U);
    const auto backup = parse_backup(json);
    ASSERT_TRUE(backup);
    EXPECT_TRUE(backup->status.run.finished());
    EXPECT_EQ(backup->status.run.completed, time);
    EXPECT_FALSE(backup->succeeded());
    refused.conditions[0].status = "Unknown";
    json["status"] = Json::parse(run::conditions_json(refused.observed_generation, refused.conditions));
    EXPECT_FALSE(parse_backup(json)->status.run.finished());
}

TEST(BackupVerdict, IsReadBackFromItsConditions) {
    EXPECT_EQ(run::verdict_of({}), run::Verdict{});
    for (const auto outcome : {Outcome::kUnknown, Outcome::kSucceeded, Outcome::kFailed, Outcome::kSkipped}) {
        const run::Verdict verdict{.outcome = outcome, .reason = base::Reason::kCancelled, .message = "m"};
        BackupStatus status;
        run::set_verdict(status.conditions, verdict, {});
        EXPECT_EQ(run::verdict_of(status.conditions), verdict);
    }
}

}  // namespace
}  // namespace n4b::backup
