#include "operator/kinds/backup/backup_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/operator/jobs/lent.hpp"

namespace n4b::backup {
namespace {

using base::ErrorCode;
using base::Json;
using base::Reason;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr char kClaim[] = "/api/v1/namespaces/db/persistentvolumeclaims/disk";
constexpr char kSlices[] = "/apis/discovery.k8s.io/v1/namespaces/db/endpointslices";

/// A controller over a cluster with a source, a storage and its claim, and a backup "a" of them.
struct Control {
    jobs::Cluster cluster{};
    kube::Store<Backup> backups = jobs::quiet_store<Backup>();
    kube::Store<source::Source> sources = jobs::quiet_store<source::Source>();
    kube::Store<storage::Storage> storages = jobs::quiet_store<storage::Storage>();
    jobs::Lent lent{cluster.api, cluster.clock};
    BackupController controller{{.backups = backups,
                                 .sources = sources,
                                 .storages = storages,
                                 .client = lent.client,
                                 .driver = lent.driver,
                                 .locks = lent.locks,
                                 .metrics = lent.metrics,
                                 .clock = cluster.clock,
                                 .config = lent.config}};

    Control() {
        sources.apply("db/prod", {.meta = {.object_namespace = "db", .name = "prod"},
                                  .spec = {.database = "graph.db", .endpoints = {{"h", 6362}}}});
        storages.apply("db/main", {.meta = {.object_namespace = "db", .name = "main"}, .spec = {.claim = "disk"}});
        cluster.api.put(kClaim, {{"status", {{"phase", "Bound"}}}});
        cluster.add_owner("a", "");
        cluster.change_owner("a", [](Json& backup) {
            backup["spec"] = {
                {"sourceRef", {{"name", "prod"}}}, {"storageRef", {{"name", "main"}}}, {"retry", {{"limit", 0}}}};
        });
    }
    /// Gives the source a Service in place of its endpoints.
    void has_service() {
        sources.apply("db/prod", {.meta = {.object_namespace = "db", .name = "prod"},
                                  .spec = {.database = "graph.db",
                                           .service = source::ServicePort{.name = "replicas", .port = "backup"}}});
    }
    /// Takes over what the API server has, and looks at the backup once.
    base::Result<jobs::Requeue> look() {
        for (const auto& path : cluster.api.paths_in(jobs::kOwners)) {
            backups.apply("db/a", *parse_backup(cluster.api.get(path)));
        }
        lent.take_over_workload();
        return controller.reconcile("db/a", {});
    }
    jobs::Requeue settle() {
        for (int i = 0; i < 10; ++i) {
            const auto done = look();
            EXPECT_TRUE(done) << done.error().message;
            if (!done || !*done || **done > seconds(0)) return done.value_or(std::nullopt);
        }
        ADD_FAILURE() << "it never comes to rest";
        return {};
    }
    void ends(Reason reason) {
        settle();
        cluster.runner_ends("a", 1, reason);
        settle();
    }
};

TEST(BackupController, StartsOnABucketWithoutAskingForAClaimOrASecret) {
    Control c;
    c.storages.apply("db/main", {.meta = {.object_namespace = "db", .name = "main"},
                                 .spec = {.s3 = storage::S3{.bucket = "b", .region = "r", .credentials = "keys"}}});
    c.settle();
    EXPECT_TRUE(c.cluster.is_let_go("a"));
    EXPECT_FALSE(c.cluster.api.asked("GET", "/persistentvolumeclaims"));
    EXPECT_FALSE(c.cluster.api.asked("GET", "/secrets"));
}

TEST(BackupController, RunsABackupAndShowsWhatItStored) {
    Control c;
    c.ends(Reason::kCompleted);
    EXPECT_EQ(c.cluster.condition("a"), "True/Completed");
    const auto status = c.cluster.owner("a")["status"];
    EXPECT_EQ(status["databases"][0]["name"], "graph.db");
    EXPECT_EQ(status["runner"]["image"], "image");
    EXPECT_EQ(status["display"]["took"], "0s");
}

TEST(BackupController, CountsEachRunOnceWithItsOwnVerdict) {
    for (const auto& [reason, line] :
         {std::pair(Reason::kCompleted, R"({kind="Neo4jBackup",reason="Completed",result="Succeeded"} 1)"),
          std::pair(Reason::kSourceUnreachable,
                    R"({kind="Neo4jBackup",reason="SourceUnreachable",result="Failed"} 1)")}) {
        Control c;
        c.ends(reason);
        c.settle();
        EXPECT_THAT(c.lent.metrics.text(), HasSubstr(line));
        EXPECT_THAT(c.lent.metrics.text(), HasSubstr(R"(reason="StatusRefused",result="Failed"} 0)"));
    }
}

TEST(BackupController, CountsARunWhoseStatusIsRefused) {
    Control c;
    c.cluster.api.before = [](const http::Request& request) -> std::optional<int> {
        if (request.method != "PATCH" || !request.path.ends_with("/status")) return std::nullopt;
        return Json::parse(request.body)["status"].contains("attempts") ? std::optional(422) : std::nullopt;
    };
    c.settle();
    c.settle();
    EXPECT_EQ(c.cluster.condition("a"), "False/StatusRefused");
    EXPECT_THAT(c.lent.metrics.text(), HasSubstr(R"(reason="StatusRefused",result="Failed"} 1)"));
}

TEST(BackupController, ALookUpAsksForNoEndpoints) {
    Control c;
    c.ends(Reason::kStorageUnavailable);
    ASSERT_EQ(c.cluster.attempts("a").back()["lookUp"], true);
    Control without;
    without.settle();
    without.cluster.runner_ends("a", 1, Reason::kStorageUnavailable);
    without.has_service();
    without.settle();
    EXPECT_TRUE(without.cluster.is_let_go("a", 2)) << "a Service without pods does not keep it from looking";
    EXPECT_FALSE(without.cluster.api.asked("GET", "endpointslices"));
}

TEST(BackupController, ACopyWaitsForEndpointsAndKeepsNobodyElse) {
    Control c;
    c.has_service();
    c.settle();
    EXPECT_EQ(c.cluster.condition("a"), "Unknown/ServiceHasNoEndpoints");
    EXPECT_EQ(c.lent.locks.running(), 0U);
    c.cluster.api.put(std::string(kSlices) + "/s",
                      Json::parse(R"({"metadata": {"labels": {"kubernetes.io/service-name": "replicas"}},
                          "ports": [{"name": "backup", "port": 6362}], "endpoints": [{"addresses": ["10.0.0.1"]}]})"));
    c.settle();
    EXPECT_TRUE(c.cluster.is_let_go("a"));
}

TEST(BackupController, WaitsForWhatItRefersTo) {
    Control c;
    c.cluster.api.change(kClaim, [](Json& claim) { claim["metadata"]["deletionTimestamp"] = "2026-11-26T00:00:00Z"; });
    c.settle();
    EXPECT_EQ(c.cluster.condition("a"), "Unknown/StorageNotReady");
    EXPECT_THAT(c.cluster.message("a"), HasSubstr("is being deleted"));
    c.storages.remove("db/main");
    c.settle();
    EXPECT_EQ(c.cluster.condition("a"), "Unknown/StorageNotFound");
    c.sources.remove("db/prod");
    c.settle();
    EXPECT_EQ(c.cluster.condition("a"), "Unknown/SourceNotFound");
    EXPECT_FALSE(c.cluster.has_job("a"));
}

TEST(BackupController, WhatCannotBeReadShowsWhyAndHoldsNothing) {
    for (const char* path : {kClaim, kSlices}) {
        Control c;
        c.has_service();
        c.cluster.api.failures[std::string("GET ") + path] = 500;
        const auto done = c.look();
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
        EXPECT_EQ(c.cluster.condition("a"), "Unknown/Pending");
        EXPECT_THAT(c.cluster.message("a"), HasSubstr(path));
        EXPECT_TRUE(c.cluster.attempts("a").empty()) << "nothing was attempted";
        EXPECT_EQ(c.lent.locks.running(), 0U);
    }
}

TEST(BackupController, DeletesAFinishedBackupWhenItsTimeIsOver) {
    Control c;
    c.cluster.change_owner("a", [](Json& backup) { backup["spec"]["ttlAfterFinished"] = "2h"; });
    c.ends(Reason::kCompleted);
    EXPECT_EQ(c.settle(), jobs::Requeue{hours(2)});
    c.cluster.clock.now += hours(2) - seconds(1);
    EXPECT_EQ(c.settle(), jobs::Requeue{seconds(1)});
    EXPECT_TRUE(c.cluster.api.has(jobs::owner_path("a")));
    c.cluster.clock.now += seconds(1);
    c.settle();
    EXPECT_FALSE(c.cluster.api.has(jobs::owner_path("a")));
}

TEST(BackupController, KeepsAFinishedBackupThatHasNoSuchTime) {
    Control c;
    c.ends(Reason::kCompleted);
    c.cluster.clock.now += hours(24 * 365);
    EXPECT_EQ(c.settle(), jobs::Requeue{});
    EXPECT_TRUE(c.cluster.api.has(jobs::owner_path("a")));
}

TEST(BackupController, DrivesAnObjectThatChangedSinceItWasSeenAsItIsNow) {
    Control c;
    auto known = *parse_backup(c.cluster.owner("a"));
    c.cluster.change_owner("a", [](Json& backup) { backup["spec"]["cancel"] = true; });
    c.backups.apply("db/a", known);
    EXPECT_TRUE(c.controller.reconcile("db/a", {}));
    EXPECT_EQ(c.cluster.condition("a"), "False/Cancelled");
    EXPECT_FALSE(c.cluster.has_job("a"));
}

}  // namespace
}  // namespace n4b::backup
