#include "operator/kinds/backup_schedule/retention_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/operator/jobs/last_job.hpp"
#include "tests/operator/jobs/lent.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Json;
using base::Reason;
using contract::ChainFate;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr char kSchedule[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackupschedules/nightly";
constexpr char kOld[] = "20261121T215049Z-000001";
constexpr char kNew[] = "20261122T215049Z-000002";

Json example(const char* keep) {
    auto json = Json::parse(R"({
      "apiVersion": "neo4jbackup.dev/v1alpha1", "kind": "Neo4jBackupSchedule",
      "metadata": {"name": "nightly", "namespace": "db", "uid": "u-1", "generation": 1,
                   "creationTimestamp": "2026-11-24T10:00:00Z"},
      "spec": {"template": {"sourceRef": {"name": "prod"}, "storageRef": {"name": "main"}},
               "cadences": [{"name": "full", "type": "Full", "cron": "0 3 * * *"}]}})");
    if (keep != nullptr) json["spec"]["keep"] = Json::parse(keep);
    return json;
}

contract::RunReport report(contract::PruneReport prune) {
    return {.reason = Reason::kCompleted, .message = "m", .attempt = 1, .prune = std::move(prune)};
}
contract::RunReport one_goes() {
    return report({.chains = {{.chain = kOld, .fate = ChainFate::kGoes, .stored_bytes = 2048},
                              {.chain = kNew, .fate = ChainFate::kStays, .why = "Newest", .stored_bytes = 4096}},
                   .stays = 1,
                   .goes = 1,
                   .bytes = 2048});
}
contract::RunReport none_goes() {
    return report({.chains = {{.chain = kNew, .fate = ChainFate::kStays, .why = "Newest"}}, .stays = 1});
}
contract::RunReport one_went() {
    return report(
        {.chains = {{.chain = kOld, .fate = ChainFate::kRemoved, .stored_bytes = 2048}}, .stays = 1, .bytes = 2048});
}

/// The retention of a schedule over an API server, and the cluster's part in its Jobs.
struct Control {
    testing::FakeApi api{};
    jobs::LastJob last_job{api};
    jobs::TestClock clock{};
    kube::Store<source::Source> sources = jobs::quiet_store<source::Source>();
    kube::Store<storage::Storage> storages = jobs::quiet_store<storage::Storage>();
    BackupsOfSchedules backups{};
    jobs::Lent lent{api, clock};
    RetentionController controller{{.sources = sources, .storages = storages, .backups = backups}, lent.environment()};

    explicit Control(const char* keep = R"({"last": 1, "within": "36h", "timeZone": "Europe/Berlin"})") {
        api.put(kSchedule, example(keep));
        sources.apply("db/prod",
                      {.meta = {.object_namespace = "db", .name = "prod"}, .spec = {.database = "graph.db"}});
        storages.apply("db/main", {.meta = {.object_namespace = "db", .name = "main"},
                                   .spec = {.s3 = storage::S3{.bucket = "backups", .credentials = "keys"}},
                                   .status = {.repository = "9f0c"}});
    }
    jobs::Requeue settle() {
        for (int i = 0; i < 10; ++i) {
            const auto before = api.get(kSchedule);
            lent.take_over_workload();
            const auto done = controller.look_at(parse_schedule(before).value(), {});
            EXPECT_TRUE(done) << done.error().message;
            const bool at_rest = api.get(kSchedule) == before && (!done || !*done || **done > seconds(0));
            if (at_rest) return done.value_or(std::nullopt);
        }
        ADD_FAILURE() << "it never comes to rest";
        return {};
    }
    void edit(const Json& spec) {
        api.change(kSchedule, [&](Json& json) {
            json["spec"].merge_patch(spec);
            json["metadata"]["generation"] = json["metadata"]["generation"].get<int>() + 1;
        });
    }
    /// The runner of the last Job ends with a report. When the operator looks again after that.
    jobs::Requeue ends(contract::RunReport report) {
        report.run_uid = "u-1";
        report.attempt = last_job.told().run.attempt;
        last_job.pod_is("Succeeded", {{"terminated", {{"exitCode", 0}, {"message", to_json(report)}}}});
        return settle();
    }
    /// What the watches bring when a Job was deleted and its pod has ended.
    void workload_is_gone() {
        for (const auto& path : api.paths_in(jobs::kPods)) api.objects.erase(path);
        for (const auto& job : lent.job_store.all()) lent.job_store.remove(job->meta.key());
        for (const auto& pod : lent.pod_store.all()) lent.pod_store.remove(pod->meta.key());
    }
    void backup_succeeds(std::int64_t sequence) {
        backup::Backup backup{.meta = {.object_namespace = "db", .name = "b", .schedule = "nightly"}};
        backup.status.run.completed = clock.now;
        backup.status.conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed"}};
        backup.status.artifact.emplace().sequence = sequence;
        backups.learn("db/b", nullptr, std::make_shared<const backup::Backup>(std::move(backup)));
    }
    [[nodiscard]] Json retention() const { return api.get(kSchedule)["status"]["retention"]; }
    [[nodiscard]] std::string condition(const char* type) const {
        const auto schedule = parse_schedule(api.get(kSchedule)).value();
        const auto* c = api::find_condition(schedule.status.conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
};

TEST(Retention, WithoutRulesNothingIsStarted) {
    Control c(nullptr);
    EXPECT_EQ(c.settle(), std::nullopt);
    EXPECT_EQ(c.last_job.made(), 0U);
    EXPECT_EQ(c.condition("RetentionApplied"), "none");
}

TEST(Retention, APlanComesFirstAndSaysWhoseChainsMayGo) {
    Control c;
    c.settle();
    ASSERT_EQ(c.last_job.made(), 1U);
    const auto spec = c.last_job.told();
    EXPECT_EQ(spec.command, contract::Command::kPrune);
    EXPECT_EQ(spec.run.schedule, "nightly");
    EXPECT_EQ(spec.run.object_namespace, "db");
    EXPECT_EQ(spec.source, "prod");
    EXPECT_EQ(spec.database, "graph.db");
    EXPECT_EQ(spec.repository, "9f0c");
    EXPECT_EQ(spec.prune.chains, std::nullopt);
    EXPECT_EQ(spec.prune.keep.last, 1);
    EXPECT_EQ(spec.prune.keep.within, hours(36));
    EXPECT_EQ(spec.prune.keep.time_zone, "Europe/Berlin");
    EXPECT_EQ(c.condition("RetentionApplied"), "Unknown/Pending");
    EXPECT_THAT(c.condition("Pruning"), HasSubstr("True/"));
    EXPECT_EQ(c.last_job.json()["metadata"]["ownerReferences"][0]["kind"], "Neo4jBackupSchedule");
}

TEST(Retention, WhatThePlanToldGoesAndNothingElse) {
    Control c;
    c.settle();
    c.ends(one_goes());
    ASSERT_EQ(c.last_job.made(), 2U);
    EXPECT_EQ(c.retention()["plan"]["chains"][0]["chain"], kOld) << "shown before it goes";
    EXPECT_EQ(c.retention()["plan"]["chains"][1]["why"], "Newest");
    EXPECT_THAT(c.last_job.told().prune.chains, Optional(ElementsAre(kOld)));
    const auto left = c.ends(one_went());
    EXPECT_EQ(c.last_job.made(), 2U);
    EXPECT_EQ(c.condition("RetentionApplied"), "True/Ready");
    EXPECT_EQ(c.condition("Pruning"), "False/Completed");
    EXPECT_EQ(c.retention()["result"]["chains"][0]["fate"], "Removed");
    EXPECT_LE(left, hours(24));
    EXPECT_TRUE(c.lent.catalogue.is_outdated("db/main")) << "the chain's object is still there";
}

TEST(Retention, WhereNothingGoesThePlanIsMadeAgainAfterADayOrAFull) {
    Control c;
    c.settle();
    EXPECT_EQ(c.ends(none_goes()), hours(24));
    EXPECT_EQ(c.last_job.made(), 1U);
    EXPECT_EQ(c.condition("RetentionApplied"), "True/Ready");
    c.clock.now += minutes(10);
    c.backup_succeeds(3);
    EXPECT_EQ(c.settle(), hours(6) - minutes(10)) << "an increment pushes hardly anything out";
    EXPECT_EQ(c.last_job.made(), 1U);
    c.backup_succeeds(0);
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U);
    EXPECT_EQ(c.last_job.told().prune.chains, std::nullopt);
    EXPECT_EQ(c.last_job.told().run.attempt, 2);
    c.ends(none_goes());
    c.clock.now += hours(24);
    c.settle();
    EXPECT_EQ(c.last_job.made(), 3U) << "holds expire without a word";
}

TEST(Retention, DryRunTellsAndRemovesNothing) {
    Control c(R"({"last": 1, "dryRun": true})");
    c.settle();
    c.ends(one_goes());
    EXPECT_EQ(c.last_job.made(), 1U);
    EXPECT_EQ(c.condition("RetentionApplied"), "Unknown/Pending");
    EXPECT_EQ(c.retention()["plan"]["goes"], 1);
    c.edit({{"keep", {{"dryRun", false}}}});
    c.settle();
    EXPECT_EQ(c.last_job.told().prune.chains, std::nullopt) << "a new plan";
    c.ends(one_goes());
    EXPECT_THAT(c.last_job.told().prune.chains, Optional(ElementsAre(kOld)));
}

TEST(Retention, AnEditWhileChainsGoEndsTheRunAndPlansAnew) {
    Control c;
    c.settle();
    c.ends(one_goes());
    c.last_job.pod_is("Running", {{"running", Json::object()}});
    c.settle();
    const auto job = c.api.paths_in(jobs::kJobs).back();
    c.edit({{"keep", {{"last", 5}}}});
    c.settle();
    EXPECT_FALSE(c.api.has(job)) << "it removes what may be wanted now";
    c.workload_is_gone();
    c.settle();
    EXPECT_EQ(c.last_job.told().prune.chains, std::nullopt);
    EXPECT_EQ(c.last_job.told().prune.keep.last, 5);
}

TEST(Retention, SuspendedNothingGoes) {
    Control c;
    c.settle();
    c.ends(none_goes());
    c.edit({{"suspend", true}});
    c.clock.now += hours(48);
    c.settle();
    EXPECT_EQ(c.last_job.made(), 1U);
    c.edit({{"suspend", false}});
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U);
}

TEST(Retention, AFailureIsToldAndTriedAgain) {
    Control c;
    c.settle();
    auto failed = none_goes();
    failed.prune.reset();
    failed.reason = Reason::kStorageAccessDenied;
    failed.message = "no permission to list";
    c.ends(failed);
    EXPECT_EQ(c.condition("RetentionApplied"), "False/StorageAccessDenied");
    const auto made = c.last_job.made();
    c.clock.now += hours(2);
    c.settle();
    EXPECT_EQ(c.last_job.made(), made + 1);
    c.ends(none_goes());
    EXPECT_EQ(c.condition("RetentionApplied"), "True/Ready");
}

TEST(Retention, WhatHadNoRoomGetsAPlanOfItsOwn) {
    Control c;
    c.settle();
    c.ends(one_goes());
    auto went = one_went();
    went.prune->goes = 3;
    c.ends(went);
    EXPECT_EQ(c.last_job.made(), 3U);
    EXPECT_EQ(c.last_job.told().prune.chains, std::nullopt);
}

TEST(Retention, ALockedChainIsTriedOnceADay) {
    Control c;
    c.settle();
    c.ends(one_goes());
    auto locked = one_went();
    locked.prune->chains[0].fate = ChainFate::kLocked;
    locked.prune->bytes = 0;
    locked.prune->goes = 1;
    locked.prune->going_on = 1;
    EXPECT_EQ(c.ends(locked), hours(24));
    EXPECT_EQ(c.last_job.made(), 2U);
    EXPECT_EQ(c.condition("RetentionApplied"), "True/Ready") << "what the storage forbids is no failure";
}

TEST(Retention, AChainThatWaitsForAWriterIsTriedWhenItCanGo) {
    Control c;
    c.settle();
    c.ends(one_goes());
    auto waiting = one_went();
    waiting.prune->chains[0].fate = ChainFate::kWaiting;
    waiting.prune->bytes = 0;
    waiting.prune->goes = 1;
    waiting.prune->wait_until = c.clock.now + hours(3);
    EXPECT_EQ(c.ends(waiting), hours(3) + minutes(5));
}

TEST(Retention, WithoutItsSourceOrStorageItWaits) {
    Control c;
    c.sources.remove("db/prod");
    c.settle();
    EXPECT_EQ(c.last_job.made(), 0U);
    EXPECT_EQ(c.condition("Pruning"), "True/SourceNotFound");
    c.sources.apply("db/prod", {.meta = {.object_namespace = "db", .name = "prod"}, .spec = {.database = "graph.db"}});
    c.storages.remove("db/main");
    c.clock.now += minutes(10);
    c.settle();
    EXPECT_EQ(c.condition("Pruning"), "True/StorageNotFound");
}

TEST(Retention, RulesThatAreTakenAwayAreForgotten) {
    Control c;
    c.settle();
    c.ends(none_goes());
    c.edit({{"keep", nullptr}});
    c.clock.now += hours(2);  // The Jobs of runs that ended go after a while.
    c.settle();
    EXPECT_EQ(c.condition("RetentionApplied"), "none");
    EXPECT_TRUE(c.retention().is_null());
}

TEST(Retention, AStatusThatTheApiServerRefusesEndsTheRun) {
    Control c;
    c.settle();
    c.api.change(kSchedule, [](Json& json) {
        for (auto& condition : json["status"]["conditions"]) {
            if (condition["type"] != "Pruning" && condition["type"] != "RetentionApplied") continue;
            condition["status"] = "False";
            condition["reason"] = "StatusRefused";
        }
    });
    c.settle();
    EXPECT_EQ(c.last_job.made(), 1U) << "not at once";
    c.clock.now += hours(2);
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U);
}

TEST(Retention, ANegativeCountIsNoneOfTheStatus) {
    Control c;
    c.settle();
    auto odd = none_goes();
    odd.prune->goes = -1;
    odd.prune->bytes = -5;
    c.ends(odd);
    EXPECT_EQ(c.retention()["plan"]["goes"], 0);
    EXPECT_EQ(c.retention()["plan"]["bytes"], 0);
}

TEST(Retention, AClockThatWasSetBackMakesNoPlansBackToBack) {
    Control c;
    c.backup_succeeds(0);
    c.clock.now -= hours(1);
    c.settle();
    EXPECT_EQ(c.ends(none_goes()), hours(1));
    EXPECT_EQ(c.last_job.made(), 1U);
}

TEST(Retention, ChainsThatCanNotGoKeepNoOtherFromGoing) {
    Control c;
    auto many = none_goes();
    many.prune->goes = 20;
    many.prune->chains.clear();
    for (int i = 10; i < 30; ++i)
        many.prune->chains.push_back({.chain = "chain-" + std::to_string(i), .fate = ChainFate::kGoes});
    c.settle();
    c.ends(many);
    ASSERT_EQ(c.last_job.told().prune.chains->size(), contract::kMostPruned);
    EXPECT_EQ(c.last_job.told().prune.chains->front(), "chain-10");
    auto locked = many;
    locked.prune->chains.resize(contract::kMostPruned);
    for (auto& chain : locked.prune->chains) chain.fate = ChainFate::kLocked;
    c.ends(locked);
    c.clock.now += hours(24);
    c.settle();
    c.ends(many);
    EXPECT_EQ(c.last_job.told().prune.chains->front(), "chain-26");
}

TEST(Retention, WhatAFailedAttemptRemovedIsToldToo) {
    Control c;
    c.settle();
    c.ends(one_goes());
    auto failed = one_went();
    failed.reason = Reason::kStorageUnreachable;
    failed.prune->bytes = 7;
    c.ends(failed);
    EXPECT_EQ(c.retention()["result"]["bytes"], 7);
    c.clock.now += minutes(2);
    c.settle();
    ASSERT_EQ(c.last_job.made(), 3U) << "the next attempt";
    auto second = one_went();
    second.prune->chains[0].chain = "another";
    second.prune->bytes = 5;
    c.ends(second);
    EXPECT_EQ(c.retention()["result"]["bytes"], 12);
    EXPECT_EQ(c.retention()["result"]["chains"].size(), 2U);
}

TEST(Retention, AnOperatorThatIsNewLearnsThatChainsHaveGone) {
    Control c;
    c.settle();
    c.ends(one_goes());
    c.ends(one_went());
    jobs::Lent lent(c.api, c.clock);
    RetentionController other({.sources = c.sources, .storages = c.storages, .backups = c.backups}, lent.environment());
    ASSERT_TRUE(other.look_at(parse_schedule(c.api.get(kSchedule)).value(), {}));
    EXPECT_TRUE(lent.catalogue.is_outdated("db/main"));
    auto storage = *c.storages.get("db/main");
    storage.status.catalogue = storage::FoundBackups{.time = c.clock.now + minutes(1)};
    c.storages.apply("db/main", storage);
    jobs::Lent later(c.api, c.clock);
    RetentionController third({.sources = c.sources, .storages = c.storages, .backups = c.backups},
                              later.environment());
    ASSERT_TRUE(third.look_at(parse_schedule(c.api.get(kSchedule)).value(), {}));
    EXPECT_FALSE(later.catalogue.is_outdated("db/main"));
}

}  // namespace
}  // namespace n4b::backup_schedule
