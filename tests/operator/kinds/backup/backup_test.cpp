#include "operator/api/backup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "operator/api/workload.hpp"

namespace n4b::api {
namespace {

using base::Json;
using std::chrono::milliseconds;

const char* const kObject = R"({
  "metadata": {"name": "b", "namespace": "db", "uid": "u-1", "resourceVersion": "7", "generation": 2,
               "creationTimestamp": "2026-11-24T10:00:00Z"},
  "spec": {"source": {"name": "prod", "type": "Endpoints", "policy": "Any", "maxLag": 0, "endpoints": [{"host": "h"}, {"host": "::1", "port": 6000}]},
           "databases": ["graph.db"], "storageRef": {"name": "s"}, "compression": "None",
           "deadline": "1h30m", "retry": {"limit": 1, "backoff": "500ms"},
           "runner": {"resources": {"limits": {"memory": 67108864}}, "nodeSelector": {"a": "b"}, "bandwidthLimit": "100Mi"}},
  "status": {"observedGeneration": -1}})";

TEST(Backup, IsReadWithItsDefaults) {
    const auto backup = parse_backup(Json::parse(kObject));
    ASSERT_TRUE(backup) << backup.error().message;
    EXPECT_EQ(backup->meta.key(), "db/b");
    EXPECT_EQ(backup->spec.endpoints, (std::vector<contract::Endpoint>{{"h", 6362}, {"::1", 6000}}));
    EXPECT_EQ(backup->spec.policy, contract::SourcePolicy::kAny);
    EXPECT_EQ(backup->spec.max_lag, 0);
    EXPECT_EQ(backup->spec.runner.bandwidth_limit, 100 << 20);
    EXPECT_EQ(backup->spec.deadline, std::chrono::minutes(90));
    EXPECT_EQ(backup->spec.retry_backoff, milliseconds(500));
    EXPECT_EQ(backup->spec.runner.memory_limit, "67108864");
    EXPECT_EQ(backup->spec.runner.node_selector, R"({"a":"b"})");
    EXPECT_FALSE(backup->finished());
}

TEST(Backup, NamesTheFieldOfAWrongType) {
    auto json = Json::parse(kObject);
    json["spec"]["retry"]["limit"] = "many";
    const auto backup = parse_backup(json);
    ASSERT_FALSE(backup);
    EXPECT_THAT(backup.error().message, testing::HasSubstr("spec.retry.limit"));
}

TEST(Backup, IsInvalidWhereAnObjectIsSomethingElse) {
    for (const char* text : {"null", "5", "[]", R"({"spec": []})", R"({"metadata": [], "spec": {"runner": []}})"}) {
        EXPECT_FALSE(parse_backup(Json::parse(text))) << text;
    }
    auto json = Json::parse(kObject);
    json["spec"]["runner"]["resources"] = Json::array();
    EXPECT_TRUE(parse_backup(json)) << "the API server judges resources";
}

TEST(Backup, IsKeptWithoutItsRunnerOnceItHasFinished) {
    auto json = Json::parse(kObject);
    json["spec"]["runner"]["annotations"]["a"] = std::string(200'000, 'x');
    for (const char* verdict : {"Unknown", "True", "False"}) {
        json["status"]["conditions"] = {{{"type", "Succeeded"}, {"status", verdict}}};
        const auto backup = parse_backup(json);
        ASSERT_TRUE(backup) << backup.error().message;
        EXPECT_EQ(backup->spec.runner == RunnerSpec{}, backup->finished()) << verdict;
        EXPECT_EQ(backup->spec.source, "prod");
    }
}

TEST(BackupStatus, SurvivesWritingAndReading) {
    auto json = Json::parse(kObject);
    auto backup = *parse_backup(json);
    const auto time = base::SystemTime(std::chrono::seconds(1'790'000'000));
    backup.status = {
        .observed_generation = 2,
        .attempts = {{.number = 1, .job = "j", .started = time, .ended = time, .reason = "Evicted", .message = "m"},
                     {.number = 2, .job = "k", .look_up = true, .started = time}},
        .started = time,
        .completed = time,
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
        .conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed", .last_transition = time}}};
    auto& artifact = backup.status.artifact.emplace();
    artifact.database = "graph.db";
    artifact.chain = "c";
    artifact.recoverable_to = time;
    const auto patch = Json::parse(status_patch(backup.meta, backup.status));
    EXPECT_EQ(patch["metadata"]["resourceVersion"], "7");
    json["status"] = patch["status"];
    const auto again = parse_backup(json);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->status, backup.status);
    EXPECT_TRUE(again->succeeded());
}

TEST(BackupStatus, ShowsAnUnknownLagAsUnknownAndRemovesOldProgress) {
    auto backup = *parse_backup(Json::parse(kObject));
    backup.status.source = contract::SourceReport{.address = "a:1"};
    const auto without = Json::parse(status_patch(backup.meta, backup.status))["status"];
    EXPECT_EQ(without["source"]["lag"], "Unknown");
    EXPECT_TRUE(without.contains("progress"));
    EXPECT_TRUE(without["progress"].is_null()) << "a merge patch removes only what is null";
    backup.status.source->lag = 0;
    backup.status.progress = RunProgress{.bytes = 5, .files = 1, .rate = 3, .phase = "Copying"};
    auto json = Json::parse(kObject);
    json["status"] = Json::parse(status_patch(backup.meta, backup.status))["status"];
    EXPECT_EQ(json["status"]["source"]["lag"], "0");
    EXPECT_EQ(parse_backup(json)->status.progress, backup.status.progress);
    json["spec"]["runner"]["bandwidthLimit"] = "fast";
    EXPECT_FALSE(parse_backup(json));
}

TEST(BackupStatus, RemovesWhatAnEarlierSourceHadAndThisOneHasNot) {
    auto backup = *parse_backup(Json::parse(kObject));
    backup.status.source = contract::SourceReport{.address = "a:1"};
    auto source = Json::parse(status_patch(backup.meta, backup.status))["status"]["source"];
    for (const char* key : {"member", "newestKnownTransaction", "choice", "prepareMs", "checkpointLockMs", "tls"}) {
        EXPECT_TRUE(source.contains(key) && source[key].is_null()) << key << ": a merge patch keeps what is left out";
    }
    backup.status.tls = contract::TlsReport{.version = "TLSv1.3"};
    source = Json::parse(status_patch(backup.meta, backup.status))["status"]["source"];
    for (const char* key : {"certificateExpires", "serverCertificateExpires"}) {
        EXPECT_TRUE(source["tls"].contains(key) && source["tls"][key].is_null()) << key;
    }
}

TEST(Duration, TableOfTexts) {
    EXPECT_EQ(*parse_duration("90s"), std::chrono::seconds(90));
    EXPECT_EQ(*parse_duration("1h30m"), std::chrono::minutes(90));
    EXPECT_EQ(*parse_duration("1.5h"), std::chrono::minutes(90));
    EXPECT_EQ(*parse_duration("100ms"), milliseconds(100));
    for (const char* wrong : {"", "10", "s", "-1s", "1d", "9000h", "1e9h", "nan", "1s "}) {
        EXPECT_FALSE(parse_duration(wrong)) << wrong;
    }
}

TEST(Condition, KeepsItsTransitionTimeWhileItsStatusStays) {
    std::vector<Condition> conditions;
    const auto first = base::SystemTime(std::chrono::seconds(1));
    set_condition(conditions, {.type = "Ready", .status = "False", .reason = "A", .last_transition = first});
    set_condition(conditions,
                  {.type = "Ready", .status = "False", .reason = "B", .last_transition = first + milliseconds(5)});
    EXPECT_EQ(find_condition(conditions, "Ready")->last_transition, first);
    EXPECT_EQ(find_condition(conditions, "Ready")->reason, "B");
    set_condition(conditions,
                  {.type = "Ready", .status = "True", .reason = "C", .last_transition = first + milliseconds(5)});
    EXPECT_EQ(find_condition(conditions, "Ready")->last_transition, first + milliseconds(5));
}

TEST(EndpointSlice, GivesReadyAddressesOfTheNamedPort) {
    const auto slice = Json::parse(R"({"ports": [{"name": "http", "port": 7474}, {"name": "backup", "port": 6362}],
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "replica-0"}},
                      {"addresses": ["10.0.0.2"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.3"]}]})");
    using Addresses = std::vector<contract::Endpoint>;
    EXPECT_EQ(*parse_ready_addresses(slice, "backup"),
              (Addresses{{"10.0.0.1", 6362, "replica-0"}, {"10.0.0.3", 6362}}));
    EXPECT_EQ(*parse_ready_addresses(slice, "bolt"), Addresses{});
}

}  // namespace
}  // namespace n4b::api
