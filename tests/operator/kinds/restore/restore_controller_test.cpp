#include "operator/kinds/restore/restore_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "common/contract/run_report.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/operator/jobs/lent.hpp"

namespace n4b::restore {
namespace {

using base::Json;
using base::Reason;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr char kRestore[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jrestores/r";
constexpr char kClaim[] = "/api/v1/namespaces/db/persistentvolumeclaims/disk";
constexpr char kTarget[] = "/api/v1/namespaces/db/persistentvolumeclaims/data";

/// A controller over an API server with a restore "r" of a storage on the claim "disk" into the claim "data".
struct Control {
    testing::FakeApi api{};
    jobs::TestClock clock{};
    kube::Store<Restore> restores = jobs::quiet_store<Restore>();
    kube::Store<backup::Backup> backups = jobs::quiet_store<backup::Backup>();
    kube::Store<source::Source> sources = jobs::quiet_store<source::Source>();
    kube::Store<storage::Storage> storages = jobs::quiet_store<storage::Storage>();
    jobs::Lent lent{api, clock};
    RestoreController controller{{.restores = restores, .backups = backups, .sources = sources, .storages = storages},
                                 lent.environment()};

    Control() {
        storages.apply("db/main", {.meta = {.object_namespace = "db", .name = "main"}, .spec = {.claim = "disk"}});
        api.put(kClaim, {{"status", {{"phase", "Bound"}}}});
        api.put(kTarget, {{"status", {{"phase", "Bound"}}}});
        api.put(kRestore, {{"metadata",
                            {{"namespace", "db"},
                             {"name", "r"},
                             {"uid", "r-uid-of-the-object"},
                             {"creationTimestamp", "2026-09-21T14:13:20Z"}}},
                           {"spec",
                            {{"storageRef", {{"name", "main"}}},
                             {"sourceName", "prod"},
                             {"database", "graph.db"},
                             {"retry", {{"limit", 0}}},
                             {"target", {{"claimName", "data"}}}}}});
    }
    /// Takes over what the API server has, and looks at the restore once.
    base::Result<jobs::Requeue> look() {
        if (api.has(kRestore)) restores.apply("db/r", *parse_restore(api.get(kRestore)));
        lent.take_over_workload();
        return controller.reconcile("db/r", {});
    }
    void settle() {
        for (int i = 0; i < 10; ++i) {
            const auto done = look();
            ASSERT_TRUE(done) << done.error().message;
            if (!*done || **done > seconds(0)) return;
        }
        ADD_FAILURE() << "it never comes to rest";
    }
    [[nodiscard]] Json status() const { return api.get(kRestore).value("status", Json::object()); }
    /// "True/Completed: message".
    [[nodiscard]] std::string verdict() const {
        for (const auto& condition : status().value("conditions", Json::array())) {
            if (condition.at("type") != "Succeeded") continue;
            return condition.at("status").get<std::string>() + "/" + condition.at("reason").get<std::string>() + ": " +
                   condition.at("message").get<std::string>();
        }
        return "none";
    }
    [[nodiscard]] Json job() const {
        const auto jobs = api.paths_in(jobs::kJobs);
        return jobs.size() == 1 ? api.get(jobs.front()) : Json();
    }
    /// Somebody's pod, with the claim mounted.
    void pod_uses(const std::string& claim, const std::string& phase) {
        api.put(std::string(jobs::kPods) + "/neo4j-0",
                {{"metadata", {{"namespace", "db"}, {"name", "neo4j-0"}, {"uid", "p-1"}}},
                 {"spec",
                  {{"volumes", Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", claim}}}}})}}},
                 {"status", {{"phase", phase}}}});
    }
    /// A backup of this namespace that the restore names.
    void of_backup(run::Verdict::Outcome outcome, std::int64_t transaction = 12) {
        backup::Backup backup{.meta = {.object_namespace = "db", .name = "nightly"},
                              .spec = {.source = "prod", .storage = "main"}};
        backup.status.artifact = contract::ArtifactReport{.database = "graph.db",
                                                          .chain = "c-1",
                                                          .artifact = "x",
                                                          .location = "prod/graph.db/heads/x.json",
                                                          .highest_transaction = transaction};
        run::set_verdict(backup.status.conditions, {.outcome = outcome, .reason = Reason::kSourceStalled}, {});
        backups.apply("db/nightly", backup);
        api.change(kRestore, [](Json& restore) {
            for (const char* field : {"storageRef", "sourceName", "database"}) restore["spec"].erase(field);
            restore["spec"]["backupRef"] = {{"name", "nightly"}};
            restore["spec"]["retry"] = {{"limit", 1}, {"backoff", "1m"}};
        });
    }
    [[nodiscard]] contract::RestoreSpec told(const Json& of_job) const {
        const auto env = of_job.at("spec").at("template").at("spec").at("containers")[0].at("env")[0];
        return contract::parse_run_spec(env.at("value").get<std::string>())->restore;
    }
    /// The source "production", which the storage knows as "prod", says with which server it is recovered.
    void name_server() {
        sources.apply("db/production", {.meta = {.object_namespace = "db", .name = "production"},
                                        .spec = {.name = "prod", .server = source::Server{"neo4j:3.4", true, {}}}});
    }
    static Json terminated(int code, const std::string& message) {
        return {{"terminated", {{"exitCode", code}, {"message", message}}}};
    }
    /// The runner's container ends with a report.
    void ends(contract::RunReport report) {
        report.run_uid = "r-uid-of-the-object";
        report.attempt = 1;
        pod_is({{"phase", "Succeeded"},
                {"containerStatuses", Json::array({{{"name", "runner"}, {"state", terminated(0, to_json(report))}}})}});
    }
    /// The runner has restored the database in its init container, and the server after it stands so.
    void server_is(const Json& state) {
        const contract::RunReport report{.reason = Reason::kCompleted,
                                         .message = "x.json",
                                         .run_uid = "r-uid-of-the-object",
                                         .attempt = 1,
                                         .restored = contract::RestoredReport{.chain = "c", .transaction = 7}};
        pod_is(
            {{"phase", "Running"},
             {"initContainerStatuses", Json::array({{{"name", "runner"}, {"state", terminated(0, to_json(report))}}})},
             {"containerStatuses", Json::array({{{"name", "server"}, {"state", state}}})}});
    }
    void pod_is(const Json& status) {
        const auto made = job();
        api.put(std::string(jobs::kPods) + "/" + made.at("metadata").at("name").get<std::string>() + "-x",
                {{"metadata",
                  {{"namespace", "db"},
                   {"name", made.at("metadata").at("name").get<std::string>() + "-x"},
                   {"uid", "runner-pod"},
                   {"labels", made.at("spec").at("template").at("metadata").at("labels")},
                   {"ownerReferences", Json::array({{{"controller", true}, {"uid", made.at("metadata").at("uid")}}})}}},
                 {"status", status}});
    }
};

TEST(RestoreController, RunsAJobThatMountsStorageAndTarget) {
    Control c;
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/Pending"));
    const auto pod = c.job().at("spec").at("template").at("spec");
    ASSERT_EQ(pod.at("volumes").size(), 2U);
    EXPECT_EQ(pod.at("volumes")[1].at("persistentVolumeClaim").at("claimName"), "data");
    EXPECT_EQ(c.status().at("source"), "prod");
    EXPECT_EQ(c.status().at("storage"), "main");
    c.ends({.reason = Reason::kCompleted,
            .message = "x.json",
            .restored = contract::RestoredReport{.chain = "c", .artifact = "a", .transaction = 7, .bytes = 1 << 20}});
    c.settle();
    EXPECT_EQ(c.verdict(), "True/Completed: transactions up to 7 are in databases/graph.db of claim data: x.json");
    EXPECT_EQ(c.status().at("restored").at("highestTransaction"), 7);
    EXPECT_EQ(c.status().at("restored").at("path"), "databases/graph.db");
    EXPECT_EQ(c.status().at("display").at("size"), "1.0 MiB");
}

TEST(RestoreController, WaitsWhileAPodUsesItsTarget) {
    Control c;
    c.pod_uses("data", "Running");
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/TargetInUse: pod neo4j-0 uses claim data"));
    EXPECT_TRUE(c.job().is_null());
    c.pod_uses("data", "Succeeded");
    c.settle();
    EXPECT_FALSE(c.job().is_null()) << "a pod that has ended uses nothing";
}

TEST(RestoreController, KeepsOffVolumesThatHoldBackupsOfAnyStorage) {
    Control c;
    c.storages.apply("db/other", {.meta = {.object_namespace = "db", .name = "other"}, .spec = {.claim = "data"}});
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/TargetNotReady: claim data holds the backups of storage \"other\""));
    EXPECT_TRUE(c.job().is_null());
}

TEST(RestoreController, DoesNotMindPodsOfOtherClaims) {
    Control c;
    c.pod_uses("other", "Running");
    c.settle();
    EXPECT_FALSE(c.job().is_null());
}

TEST(RestoreController, WaitsForItsTargetAndItsBackup) {
    Control c;
    c.api.objects.erase(kTarget);
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/TargetNotReady: no PersistentVolumeClaim \"data\""));
    c.api.change(kRestore, [](Json& restore) {
        restore["spec"] = {{"backupRef", {{"name", "nightly"}}}, {"target", {{"claimName", "data"}}}};
    });
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/BackupNotFound: no Neo4jBackup \"nightly\""));
    EXPECT_TRUE(c.job().is_null());
}

TEST(RestoreController, FailsAtOnceWhereItsBackupHasFailed) {
    Control c;
    c.of_backup(run::Verdict::Outcome::kUnknown);
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/BackupNotReady")) << "it may still succeed";
    c.of_backup(run::Verdict::Outcome::kFailed);
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("False/BackupNotReady: Neo4jBackup \"nightly\" has not succeeded"));
    EXPECT_TRUE(c.job().is_null());
}

TEST(RestoreController, ARetryRestoresWhatTheFirstAttemptWasToRestore) {
    Control c;
    c.of_backup(run::Verdict::Outcome::kSucceeded);
    c.settle();
    EXPECT_EQ(c.told(c.job()).chain, "c-1");
    EXPECT_EQ(c.told(c.job()).transaction, 12);
    c.ends({.reason = Reason::kStorageUnavailable, .message = "EIO"});
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/Retrying"));
    // Its object has gone meanwhile, and another backup bears its name.
    c.of_backup(run::Verdict::Outcome::kFailed, 99);
    c.clock.now += std::chrono::minutes(2);
    c.settle();
    const auto jobs = c.api.paths_in(jobs::kJobs);
    ASSERT_EQ(jobs.size(), 2U);
    EXPECT_EQ(c.told(c.api.get(jobs.back())).chain, "c-1");
    EXPECT_EQ(c.told(c.api.get(jobs.back())).transaction, 12);
}

TEST(RestoreController, ACancelledRestoreLosesItsJob) {
    Control c;
    c.settle();
    ASSERT_FALSE(c.job().is_null());
    const auto name = c.job().at("metadata").at("name").get<std::string>();
    c.api.change(kRestore, [](Json& restore) { restore["spec"]["cancel"] = true; });
    c.settle();
    EXPECT_TRUE(c.job().is_null());
    c.lent.job_store.remove("db/" + name);
    c.clock.now += seconds(20);
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("/Cancelled"));
}

TEST(RestoreController, FailsAsItsRunnerDoes) {
    Control c;
    c.settle();
    c.ends({.reason = Reason::kTargetNotEmpty, .message = "/target/databases/graph.db is not empty"});
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("False/TargetNotEmpty: /target/databases/graph.db is not empty. Restore into"));
}

TEST(RestoreController, RecoversWithTheServerOfItsSource) {
    Control c;
    c.api.change(kRestore, [](Json& restore) { restore["spec"]["recovery"] = "Server"; });
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("Unknown/RecoveryServerMissing: spec.recovery is Server, and no"));
    EXPECT_TRUE(c.job().is_null());
    c.name_server();
    c.settle();
    const auto pod = c.job().at("spec").at("template").at("spec");
    EXPECT_EQ(pod.at("initContainers")[0].at("name"), "runner");
    EXPECT_EQ(pod.at("containers")[0].at("image"), "neo4j:3.4");
    EXPECT_EQ(c.status().at("server").at("image"), "neo4j:3.4");
    c.server_is({{"running", Json::object()}});
    c.settle();
    EXPECT_THAT(c.verdict(),
                HasSubstr("Unknown/Running: attempt 1 has restored the database, which a server recovers"));
    c.server_is(Control::terminated(0, ""));
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("True/Completed: transactions up to 7 are in databases/graph.db of claim data, "
                                       "recovered by image neo4j:3.4"));
    EXPECT_EQ(c.status().at("recovered"), true);
}

TEST(RestoreController, FailsAsItsServerDoes) {
    Control c;
    c.api.change(kRestore, [](Json& restore) { restore["spec"]["recovery"] = "Server"; });
    c.name_server();
    c.settle();
    c.server_is(Control::terminated(1, "the server ended by itself with exit code 1"));
    c.settle();
    EXPECT_THAT(c.verdict(), HasSubstr("False/RecoveryFailed: the server ended by itself with exit code 1"));
    EXPECT_THAT(c.verdict(), HasSubstr("of claim data, not recovered"));
    EXPECT_FALSE(c.status().contains("recovered"));
}

TEST(RestoreController, RemovesAnObjectWhoseTimeIsOver) {
    Control c;
    c.api.change(kRestore, [](Json& restore) { restore["spec"]["ttlAfterFinished"] = "1h"; });
    c.settle();
    c.ends({.reason = Reason::kCompleted, .restored = contract::RestoredReport{.chain = "c", .artifact = "a"}});
    c.settle();
    c.clock.now += hours(1);
    ASSERT_TRUE(c.look());
    EXPECT_FALSE(c.api.has(kRestore));
}

}  // namespace
}  // namespace n4b::restore
