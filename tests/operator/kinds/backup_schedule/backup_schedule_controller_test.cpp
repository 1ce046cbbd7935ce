#include "operator/kinds/backup_schedule/backup_schedule_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/operator/jobs/lent.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kSchedule[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackupschedules/nightly";
constexpr char kBackups[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackups";

Json example() {
    return Json::parse(R"({
      "apiVersion": "neo4jbackup.dev/v1alpha1", "kind": "Neo4jBackupSchedule",
      "metadata": {"name": "nightly", "namespace": "db", "uid": "u-1", "resourceVersion": "7", "generation": 2,
                   "labels": {"argocd.argoproj.io/instance": "app"}, "creationTimestamp": "2026-11-24T10:00:00Z"},
      "spec": {"template": {"sourceRef": {"name": "prod"}, "storageRef": {"name": "main"}, "compression": "None"},
               "cadences": [{"name": "full", "type": "Full", "cron": "0 3 * * *", "timeZone": "UTC"},
                            {"name": "often", "type": "Incremental", "cron": "*/10 * * * *", "timeZone": "UTC"}],
               "startingDeadline": "5m", "rpo": "20m"}})");
}

/// A controller over an API server with a schedule.
struct Control {
    testing::FakeApi api{};
    jobs::TestClock clock{};
    kube::Store<BackupSchedule> schedules = jobs::quiet_store<BackupSchedule>();
    kube::Store<source::Source> sources = jobs::quiet_store<source::Source>();
    kube::Store<storage::Storage> storages = jobs::quiet_store<storage::Storage>();
    kube::Store<chain::Chain> chains = jobs::quiet_store<chain::Chain>();
    BackupsOfSchedules backups{};
    jobs::Lent lent{api, clock};
    BackupScheduleController controller{
        {.schedules = schedules, .sources = sources, .storages = storages, .chains = chains, .backups = backups},
        lent.environment()};

    explicit Control(const Json& schedule = example()) {
        api.put(kSchedule, schedule);
        sources.apply("db/prod",
                      {.meta = {.object_namespace = "db", .name = "prod"}, .spec = {.database = "graph.db"}});
    }
    jobs::Requeue look(std::string_view now) {
        clock.now = base::parse_rfc3339(now).value();
        schedules.apply("db/nightly", *parse_schedule(api.get(kSchedule)));
        const auto done = controller.reconcile("db/nightly", {});
        EXPECT_TRUE(done) << done.error().message;
        return done.value_or(jobs::Requeue{});
    }
    // What the watch brings, with how the backup ended.
    void learn(const std::string& name, const char* status) {
        const auto json = api.get(std::string(kBackups) + "/" + name);
        auto read = backup::parse_backup(json).value();
        if (status != nullptr) {
            read.status.run.completed = clock.now;
            read.status.conditions = {
                {.type = "Succeeded", .status = status, .reason = "Completed", .message = "done"}};
        }
        auto& before = known[name];
        auto after = std::make_shared<const backup::Backup>(std::move(read));
        backups.learn("db/" + name, before, after);
        before = after;
    }
    [[nodiscard]] Json status() const { return api.get(kSchedule)["status"]; }
    [[nodiscard]] Json condition(const std::string& type) const {
        const auto shown = status();
        for (const auto& condition : shown["conditions"])
            if (condition["type"] == type) return condition;
        return {};
    }
    [[nodiscard]] std::size_t made() const { return api.sent("POST", kBackups).size(); }

    std::map<std::string, std::shared_ptr<const backup::Backup>> known{};
};

TEST(BackupScheduleController, MakesABackupWhenOneIsDueAndNotBefore) {
    Control c;
    const auto first = c.look("2026-11-27T02:55:00Z");
    EXPECT_EQ(c.made(), 0U) << "what was due before it was seen is not late";
    EXPECT_EQ(first, std::chrono::minutes(5));
    EXPECT_EQ(c.status()["nextTime"], "2026-11-27T03:00:00Z");
    c.look("2026-11-27T03:00:01Z");
    ASSERT_EQ(c.made(), 1U);
    const auto backup = c.api.get(std::string(kBackups) + "/nightly-202611270300");
    EXPECT_EQ(backup["spec"]["type"], "Full");
    EXPECT_EQ(backup["spec"]["compression"], "None");
    EXPECT_EQ(backup["spec"]["notAfter"], "2026-11-27T03:05:00Z");
    EXPECT_EQ(backup["spec"]["ttlAfterFinished"], "168h");
    EXPECT_EQ(backup["metadata"]["labels"],
              Json({{"neo4jbackup.dev/schedule", "nightly"}, {"neo4jbackup.dev/cadence", "full"}}))
        << "a label of the schedule would make a GitOps tool take the backup for its own, and delete it";
    EXPECT_FALSE(backup["metadata"].contains("ownerReferences"));
    c.look("2026-11-27T03:00:02Z");
    EXPECT_EQ(c.made(), 1U);
    EXPECT_EQ(c.status()["cadences"][0]["lastBackup"], "nightly-202611270300");
}

TEST(BackupScheduleController, TwoWhoDecideAlikeMakeOneBackup) {
    Control c;
    c.look("2026-11-27T02:55:00Z");
    const auto before = c.api.get(kSchedule);
    c.look("2026-11-27T03:00:01Z");
    // The other one read the schedule before the first one wrote.
    auto stale = before;
    c.schedules.apply("db/nightly", *parse_schedule(stale));
    const auto done = c.controller.reconcile("db/nightly", {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(c.api.has(std::string(kBackups) + "/nightly-202611270300"));
    EXPECT_EQ(c.status()["missed"], 0);
}

TEST(BackupScheduleController, EndedBetweenBackupAndStatusItMissesNothing) {
    Control c;
    c.look("2026-11-27T02:55:00Z");
    const auto before = c.api.get(kSchedule);
    c.look("2026-11-27T03:00:01Z");
    c.learn("nightly-202611270300", nullptr);
    c.api.put(kSchedule, before);  // the status was never written
    c.look("2026-11-27T03:00:10Z");
    EXPECT_EQ(c.status()["missed"], 0) << "its own backup, which runs, holds nothing up";
    EXPECT_EQ(c.status()["cadences"][0]["lastTime"], "2026-11-27T03:00:00Z");
}

/// A quota is used up, or a webhook refuses it.
TEST(BackupScheduleController, ABackupThatCanNotBeMadeIsTriedAgainAndTold) {
    Control c;
    c.look("2026-11-27T02:55:00Z");
    c.api.failures[std::string("POST ") + kBackups] = 403;
    const auto try_at = [&](std::string_view now) {
        c.clock.now = base::parse_rfc3339(now).value();
        c.schedules.apply("db/nightly", *parse_schedule(c.api.get(kSchedule)));
        EXPECT_FALSE(c.controller.reconcile("db/nightly", {}));
    };
    try_at("2026-11-27T03:00:01Z");
    EXPECT_EQ(c.condition("Ready")["status"], "False");
    EXPECT_THAT(c.condition("Ready")["message"].get<std::string>(),
                HasSubstr("nightly-202611270300 can't be made yet"));
    EXPECT_EQ(c.condition("Reconciling")["status"], "True");
    EXPECT_FALSE(c.status()["cadences"][0].contains("lastTime"));
    const auto shown = c.status();
    try_at("2026-11-27T03:00:05Z");
    EXPECT_EQ(c.status(), shown) << "a write for each try would bring the next one at once";
    c.api.failures.clear();
    c.look("2026-11-27T03:01:00Z");
    EXPECT_TRUE(c.api.asked("POST", kBackups));
    EXPECT_EQ(c.condition("Ready")["status"], "True");
    EXPECT_EQ(c.status()["cadences"][0]["lastTime"], "2026-11-27T03:00:00Z");
    EXPECT_EQ(c.status()["missed"], 0);
}

TEST(BackupScheduleController, ARefusalWhoseTextChangesIsWrittenOnce) {
    const auto schedule = parse_schedule(example()).value();
    const auto first = status_without_backups({.status = schedule.status}, schedule, "b",
                                              "dial tcp 10.0.0.1:4711: connection refused", jobs::kNow);
    auto shown = schedule;
    shown.status = first;
    const auto again = [&](const char* backup, const char* error) {
        return status_without_backups({.status = shown.status}, shown, backup, error,
                                      jobs::kNow + std::chrono::hours(1));
    };
    EXPECT_EQ(again("b", "dial tcp 10.0.0.1:5822: connection refused"), first);
    EXPECT_NE(again("b", "exceeded quota"), first);
    EXPECT_NE(again("c", "dial tcp 10.0.0.1:4711: connection refused"), first);
}

TEST(BackupScheduleController, ASuspensionThatEndedIsNotMissedWhileABackupThatIsWantedNowCanNotBeMade) {
    auto json = example();
    json["spec"]["suspend"] = true;
    Control c(json);
    c.look("2026-11-27T02:55:00Z");
    c.api.change(kSchedule, [](Json& schedule) {
        schedule["spec"]["suspend"] = false;
        schedule["metadata"]["annotations"] = {{"neo4jbackup.dev/run-now", "after-the-upgrade"}};
    });
    c.api.failures[std::string("POST ") + kBackups] = 403;
    c.clock.now = base::parse_rfc3339("2026-11-27T05:05:00Z").value();
    for (int i = 0; i < 3; ++i) {
        c.schedules.apply("db/nightly", *parse_schedule(c.api.get(kSchedule)));
        EXPECT_FALSE(c.controller.reconcile("db/nightly", {}));
    }
    c.api.failures.clear();
    c.look("2026-11-27T05:06:00Z");
    EXPECT_EQ(c.status()["missed"], 0);
    EXPECT_EQ(c.made(), 4U) << "three tries in vain, and the backup that is wanted now; none for what was suspended";
}

TEST(BackupScheduleController, WhatABackupHoldsUpIsMissedAndTold) {
    Control c;
    c.look("2026-11-27T02:55:00Z");
    c.look("2026-11-27T03:00:01Z");
    c.learn("nightly-202611270300", nullptr);
    c.look("2026-11-27T03:10:01Z");
    EXPECT_EQ(c.made(), 1U);
    EXPECT_EQ(c.status()["missed"], 1);
    c.learn("nightly-202611270300", "True");
    c.look("2026-11-27T03:20:01Z");
    EXPECT_TRUE(c.api.has(std::string(kBackups) + "/nightly-202611270320"));
    EXPECT_EQ(c.condition("LastRunSucceeded")["status"], "True");
    EXPECT_EQ(c.status()["cadences"][0]["lastSuccessTime"], "2026-11-27T03:10:01Z");
}

TEST(BackupScheduleController, TellsWhatWasReadBackAndWhatIsAFullInPlaceOfAnIncrement) {
    Control c;
    c.look("2026-11-27T02:55:00Z");
    c.look("2026-11-27T03:00:01Z");
    const auto ends = [&](const char* level, const char* unexpected) {
        const auto& before = c.known["b"];
        backup::Backup backup{.meta = {.object_namespace = "db", .name = "b", .schedule = "nightly"}};
        backup.status.run.completed = c.clock.now;
        backup.status.conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed"},
                                    {.type = "UnexpectedFull", .status = unexpected, .reason = "HistoryDiverged"}};
        backup.status.artifact.emplace().level = level;
        auto after = std::make_shared<const backup::Backup>(std::move(backup));
        c.backups.learn("db/b", before, after);
        c.known["b"] = after;
    };
    ends("Checksum", "True");
    c.look("2026-11-27T03:02:00Z");
    EXPECT_EQ(c.status()["lastVerifiedTime"], "2026-11-27T03:00:01Z");
    EXPECT_EQ(c.status()["unexpectedFull"], "b");
    ends("Written", "False");
    c.look("2026-11-27T03:03:00Z");
    EXPECT_EQ(c.status()["lastVerifiedTime"], "2026-11-27T03:00:01Z");
    EXPECT_FALSE(c.status().contains("unexpectedFull"));
}

TEST(BackupScheduleController, AWrongLineIsToldAndTheOthersGoOn) {
    auto json = example();
    json["spec"]["cadences"][0]["cron"] = "0 0 3 * * *";
    Control c(json);
    c.look("2026-11-27T02:55:00Z");
    EXPECT_EQ(c.condition("Ready")["reason"], "ScheduleInvalid");
    EXPECT_THAT(c.condition("Ready")["message"].get<std::string>(),
                HasSubstr("spec.cadences[full].cron: found 6 fields"));
    EXPECT_EQ(c.condition("Stalled")["status"], "True");
    c.look("2026-11-27T03:00:01Z");
    EXPECT_EQ(c.api.get(std::string(kBackups) + "/nightly-202611270300")["spec"]["type"], "Incremental");
}

TEST(BackupScheduleController, AZoneOfKeepThatDoesNotExistIsToldAndNothingGoes) {
    auto json = example();
    json["spec"]["keep"] = {{"last", 1}, {"timeZone", "Europe/Bielefeld"}};
    Control c(json);
    c.look("2026-11-27T02:55:00Z");
    c.look("2026-11-27T02:56:00Z");
    EXPECT_EQ(c.condition("Ready")["reason"], "ScheduleInvalid");
    EXPECT_THAT(c.condition("Ready")["message"].get<std::string>(),
                HasSubstr("spec.keep.timeZone: found \"Europe/Bielefeld\""));
    EXPECT_TRUE(c.api.sent("POST", jobs::kJobs).empty());
    c.look("2026-11-27T03:00:01Z");
    EXPECT_EQ(c.made(), 1U) << "backups go on";
}

TEST(BackupScheduleController, FreshnessFollowsWhatCanBeRestored) {
    Control c;
    c.look("2026-11-27T02:55:00Z");
    EXPECT_EQ(c.condition("Fresh")["status"], "Unknown");
    chain::Chain chain{.meta = {.object_namespace = "db", .name = "c"},
                       .spec = {.storage = "main", .source = "prod", .database = "graph.db", .chain = "c"}};
    chain.status.record.current_at = base::parse_rfc3339("2026-11-27T02:50:00Z").value();
    c.chains.apply("db/c", chain);
    chain.spec.database = "other.db";
    chain.status.record.current_at = base::parse_rfc3339("2026-11-27T02:59:00Z").value();
    c.chains.apply("db/d", chain);
    c.look("2026-11-27T02:56:00Z");
    EXPECT_EQ(c.condition("Fresh")["status"], "True");
    EXPECT_EQ(c.status()["currentAt"], "2026-11-27T02:50:00Z");
    c.look("2026-11-27T03:10:01Z");
    EXPECT_EQ(c.condition("Fresh")["reason"], "Stale");
}

TEST(BackupScheduleController, ATokenMakesOneBackup) {
    auto json = example();
    json["metadata"]["annotations"] = {{"neo4jbackup.dev/run-now", "before-the-upgrade"}};
    Control c(json);
    c.look("2026-11-27T02:55:00Z");
    ASSERT_EQ(c.made(), 1U);
    EXPECT_EQ(c.status()["runNow"], "before-the-upgrade");
    c.look("2026-11-27T02:56:00Z");
    EXPECT_EQ(c.made(), 1U);
    const auto name = backup_name_now("nightly", "before-the-upgrade");
    EXPECT_FALSE(c.api.get(std::string(kBackups) + "/" + name)["spec"].contains("type")) << "that of the template";
}

TEST(BackupScheduleController, SuspendedItMakesNothingAndSaysSo) {
    auto json = example();
    json["spec"]["suspend"] = true;
    Control c(json);
    EXPECT_EQ(c.look("2026-11-27T02:55:00Z"), std::nullopt);
    c.look("2026-11-27T03:00:01Z");
    EXPECT_EQ(c.made(), 0U);
    EXPECT_EQ(c.condition("Ready")["reason"], "Suspended");
    EXPECT_EQ(c.condition("Ready")["status"], "True") << "Flux and others wait for what they applied to be ready";
}

}  // namespace
}  // namespace n4b::backup_schedule
