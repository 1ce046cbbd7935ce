#include "operator/controllers/backup_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "tests/support/fake_api.hpp"

namespace n4b::controllers {
namespace {

using base::Reason;
using std::chrono::seconds;
using ::testing::HasSubstr;

const base::SystemTime kNow{seconds(1'790'000'000)};
constexpr char kJobs[] = "/apis/batch/v1/namespaces/db/jobs";

class FixedClock final : public base::Clock {
public:
    [[nodiscard]] base::SystemTime system_now() const override { return kNow; }
    [[nodiscard]] base::SteadyTime steady_now() const override { return {}; }
};

template <typename T>
kube::Store<T> store() {
    return kube::Store<T>([](const auto&, const auto&, const auto&) {});
}

/// A controller over an API server in memory, with a storage and its claim.
struct Cluster {
    testing::FakeApi api{};
    kube::Client client{api, {}};
    FixedClock clock{};
    World world{store<api::Backup>(), store<api::Storage>(), store<api::Job>(), store<api::Pod>()};
    testing::FakeApi events_api{};  ///< Of its own, since events are written by another thread.
    kube::Client events_client{events_api, {}};
    kube::EventRecorder events{events_client, clock, "test"};
    RunSlots slots{2};
    telemetry::Metrics metrics{};
    BackupController controller{{.world = world,
                                 .client = client,
                                 .events = events,
                                 .slots = slots,
                                 .metrics = metrics,
                                 .clock = clock,
                                 .runner = {.image = "image"},
                                 .progress = [](const auto&) { return std::nullopt; },
                                 .wake = [](const auto&) {}}};

    Cluster() {
        world.storages.apply("db/main", {.meta = {.object_namespace = "db", .name = "main"}, .claim = "claim"});
        api.objects["/api/v1/namespaces/db/persistentvolumeclaims/claim"] = "{}";
        api.objects["/apis/discovery.k8s.io/v1/namespaces/db/endpointslices"] = R"({"items": []})";
        api.objects["/api/v1/namespaces/db/events"] = R"({"items": []})";
    }
    /// A backup a minute old, of one and the same source.
    static api::Backup backup(const std::string& name) {
        api::Backup backup;
        backup.meta = {
            .object_namespace = "db", .name = name, .uid = name + "-uid-0", .created = kNow - std::chrono::minutes(1)};
        backup.spec.source = "prod";
        backup.spec.database = "graph.db";
        backup.spec.storage = "main";
        backup.spec.service = api::ServicePort{.name = "replicas", .port = "backup"};
        backup.spec.retry_limit = 0;
        return backup;
    }
    /// A Job of its first attempt, running; without a digest, with its own.
    void has_job(const api::Backup& backup, std::string digest) {
        const auto name = plan::job_name(backup.meta, 1);
        if (digest.empty()) digest = plan::spec_digest(backup, 1, false);
        world.jobs.apply("db/" + name, {.meta = {.object_namespace = "db",
                                                 .name = name,
                                                 .uid = "job",
                                                 .owner_uid = backup.meta.uid,
                                                 .digest = std::move(digest)}});
        api.objects[std::string(kJobs) + "/" + name] = "{}";
    }
    /// The last status written of a backup.
    [[nodiscard]] std::string patched(const std::string& name) const {
        std::string body;
        for (const auto& request : api.requests) {
            if (request.method == "PATCH" && request.path.ends_with("/" + name + "/status")) body = request.body;
        }
        return body;
    }
    void reconcile(const api::Backup& backup) {
        world.backups.apply(backup.meta.key(), backup);
        const auto done = controller.reconcile(backup.meta.key(), {});
        EXPECT_TRUE(done) << done.error().message;
    }
};

TEST(BackupController, ALookUpAsksForNoEndpoints) {
    Cluster cluster;
    auto backup = Cluster::backup("a");
    backup.status.started = kNow - seconds(30);
    backup.status.attempts = {
        {.number = 1, .job = "a-1", .started = kNow - seconds(30), .ended = kNow, .reason = "NoReport"}};
    cluster.reconcile(backup);
    EXPECT_TRUE(cluster.api.asked("POST", kJobs)) << "a Service without pods does not keep it from looking";
    EXPECT_FALSE(cluster.api.asked("GET", "endpointslices"));
}

TEST(BackupController, ACopyWaitsForEndpoints) {
    Cluster cluster;
    cluster.reconcile(Cluster::backup("a"));
    EXPECT_FALSE(cluster.api.asked("POST", kJobs));
    EXPECT_EQ(cluster.slots.held(), 0U) << "what waits for endpoints keeps nobody else from running";
}

TEST(BackupController, ShowsHowFarTheRunThatEndedLastRestoresAndNeverTheFuture) {
    Cluster cluster;
    const auto finished = [&](const std::string& name, base::SystemTime completed, base::SystemTime recoverable) {
        auto backup = Cluster::backup(name);
        backup.status.completed = completed;
        backup.status.conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed"}};
        backup.status.artifact.emplace().recoverable_to = recoverable;
        cluster.world.backups.apply(backup.meta.key(), backup);
    };
    const auto shown = [&] {
        cluster.controller.recover();
        const auto text = cluster.metrics.text();
        const auto line = text.substr(text.find("neo4jbackup_last_recoverable_timestamp_seconds{"));
        return std::stod(line.substr(line.find("} ") + 2));
    };
    finished("z", kNow - std::chrono::hours(2), kNow + std::chrono::hours(24 * 365));
    EXPECT_EQ(shown(), 1'790'000'000 - 7200) << "a member's clock is ahead";
    finished("a", kNow - std::chrono::hours(1), kNow - std::chrono::hours(3));
    EXPECT_EQ(shown(), 1'790'000'000 - 10800);
}

TEST(BackupController, ShowsWhatABackupRestoresAlthoughTheAnswerToItsLastWriteWasLost) {
    Cluster cluster;
    const auto finished = [](const std::string& name, seconds ago) {
        auto backup = Cluster::backup(name);
        backup.status.completed = kNow - ago;
        backup.status.conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed"}};
        backup.status.artifact.emplace().recoverable_to = kNow - ago;
        return backup;
    };
    const auto shown = [&] {
        const auto text = cluster.metrics.text();
        const auto at = text.find("neo4jbackup_last_recoverable_timestamp_seconds{");
        return at == std::string::npos ? 0.0 : std::stod(text.substr(text.find("} ", at) + 2));
    };
    const std::string path = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackups/new/status";
    cluster.api.failures["PATCH " + path] = 503;  // Stored, but nobody heard of it.
    auto running = Cluster::backup("new");
    const auto job = plan::job_name(running.meta, 1);
    running.status.started = kNow - seconds(100);
    running.status.attempts = {{.number = 1, .job = job, .started = kNow - seconds(100)}};
    contract::RunReport report{.reason = Reason::kCompleted, .run_uid = running.meta.uid, .attempt = 1};
    report.artifact.emplace().recoverable_to = kNow - seconds(50);
    cluster.world.jobs.apply("db/" + job, {.meta = {.name = job, .owner_uid = running.meta.uid}, .complete = true});
    api::Pod pod{.meta = {.object_namespace = "db", .name = job + "-x", .backup_uid = running.meta.uid}};
    pod.runner = api::RunnerContainer{.terminated = true, .message = contract::to_json(report)};
    cluster.world.pods.apply("db/" + job + "-x", pod);
    cluster.world.backups.apply(running.meta.key(), running);
    EXPECT_FALSE(cluster.controller.reconcile(running.meta.key(), {}));
    ASSERT_THAT(cluster.patched("new"), HasSubstr("\"True\"")) << "its verdict";
    EXPECT_EQ(shown(), 0.0);
    cluster.reconcile(finished("new", seconds(50)));
    EXPECT_EQ(shown(), 1'790'000'000 - 50);
    cluster.reconcile(finished("old", seconds(5000)));
    EXPECT_EQ(shown(), 1'790'000'000 - 50) << "an older one is looked at now and then";
}

TEST(BackupController, TakesOverAJobThatAnEarlierLifeCouldNotRecord) {
    Cluster cluster;
    const auto a = Cluster::backup("a");
    cluster.world.backups.apply(a.meta.key(), a);
    cluster.has_job(a, {});
    cluster.controller.recover();
    auto b = Cluster::backup("b");
    b.spec.service.reset();
    b.spec.endpoints = {{"h", 6362}};
    cluster.reconcile(b);
    EXPECT_FALSE(cluster.api.asked("POST", kJobs)) << "the Job of a runs on the same source";
    cluster.world.storages.remove("db/main");
    cluster.reconcile(a);
    EXPECT_FALSE(cluster.api.asked("DELETE", kJobs));
    EXPECT_FALSE(cluster.api.asked("POST", kJobs));
    EXPECT_TRUE(cluster.events.flush(base::Deadline::after(seconds(10))));
    EXPECT_TRUE(cluster.events_api.asked("POST", "events")) << "taken over, whatever is missing now";
    EXPECT_THAT(cluster.patched("a"), HasSubstr(plan::job_name(a.meta, 1)));
}

TEST(BackupController, LeavesAJobOfTheNextAttemptsNameWhileAGateIsClosed) {
    Cluster cluster;
    const auto a = Cluster::backup("a");
    cluster.has_job(a, "of another spec");
    cluster.reconcile(a);
    EXPECT_FALSE(cluster.api.asked("DELETE", kJobs));
}

/// A backup whose last attempt ended without a report so long ago.
api::Backup silent(std::chrono::milliseconds ago) {
    auto backup = Cluster::backup("a");
    backup.status.started = kNow - std::chrono::hours(1);
    backup.status.attempts = {{.number = 1,
                               .job = "a-1",
                               .started = kNow - std::chrono::hours(1),
                               .ended = kNow - ago,
                               .reason = "NoReport"}};
    return backup;
}

TEST(BackupController, ALookUpThatCannotBeMadeDoesNotWaitForEver) {
    Cluster cluster;
    cluster.api.failures[std::string("POST ") + kJobs] = 500;
    const auto early = silent(seconds(30));
    cluster.world.backups.apply(early.meta.key(), early);
    EXPECT_FALSE(cluster.controller.reconcile(early.meta.key(), {})) << "it is tried again";
    cluster.reconcile(silent(early.spec.start_timeout + seconds(1)));
    EXPECT_THAT(cluster.patched("a"), HasSubstr("PodRejected"));
}

/// One with an endpoint of its own, and of its own source.
api::Backup apart(const std::string& name) {
    auto backup = Cluster::backup(name);
    backup.spec.source = "source of " + name;
    backup.spec.service.reset();
    backup.spec.endpoints = {{"h", 6362}};
    return backup;
}

TEST(BackupController, WhatCannotStartShowsWhyAndKeepsNobodyElseFromRunning) {
    const auto claim = "GET /api/v1/namespaces/db/persistentvolumeclaims/claim";
    const auto slices = "GET /apis/discovery.k8s.io/v1/namespaces/db/endpointslices";
    for (const std::string& call : {std::string("POST ") + kJobs, std::string(claim), std::string(slices)}) {
        Cluster cluster;
        cluster.api.failures[call] = 500;
        for (const char* name : {"a", "b"}) {
            auto backup = apart(name);
            if (call == slices) backup.spec.service = api::ServicePort{.name = "replicas", .port = "backup"};
            cluster.world.backups.apply(backup.meta.key(), backup);
            EXPECT_FALSE(cluster.controller.reconcile(backup.meta.key(), {})) << "it is tried again";
            EXPECT_EQ(cluster.slots.held(), 0U);
            const auto status = base::Json::parse(cluster.patched(name))["status"];
            EXPECT_THAT(status["conditions"].dump(), HasSubstr(call.substr(call.find(' ') + 1))) << call;
            EXPECT_THAT(status["conditions"].dump(), HasSubstr("Pending"));
            EXPECT_TRUE(status["attempts"].empty()) << "nothing was attempted";
        }
        cluster.api.failures.clear();
        cluster.reconcile(apart("c"));
        EXPECT_TRUE(cluster.api.asked("POST", kJobs));
        EXPECT_EQ(cluster.slots.held(), 1U);
    }
}

TEST(BackupController, SaysOnceWhyAJobCannotBeMade) {
    Cluster cluster;
    cluster.api.failures[std::string("POST ") + kJobs] = 500;
    auto backup = apart("a");
    cluster.world.backups.apply(backup.meta.key(), backup);
    EXPECT_FALSE(cluster.controller.reconcile(backup.meta.key(), {}));
    const auto conditions = base::Json::parse(cluster.patched("a"))["status"]["conditions"];
    for (const auto& c : conditions) {
        // As another try would have told it, with another number in it.
        backup.status.conditions.push_back({.type = c["type"],
                                            .status = c["status"],
                                            .reason = c["reason"],
                                            .message = c["message"].get<std::string>() + "4711"});
    }
    cluster.world.backups.apply(backup.meta.key(), backup);
    cluster.api.requests.clear();
    EXPECT_FALSE(cluster.controller.reconcile(backup.meta.key(), {}));
    EXPECT_TRUE(cluster.api.asked("POST", kJobs));
    EXPECT_EQ(cluster.patched("a"), "") << "each write would wake it at once, and the wait would be none";
}

TEST(BackupController, ABackupUnderWayKeepsItsSlotWhileItsNextJobCannotBeMade) {
    Cluster cluster;
    cluster.api.failures[std::string("POST ") + kJobs] = 500;
    const auto backup = silent(seconds(30));
    cluster.world.backups.apply(backup.meta.key(), backup);
    EXPECT_FALSE(cluster.controller.reconcile(backup.meta.key(), {}));
    EXPECT_EQ(cluster.slots.held(), 1U);
}

TEST(BackupController, HoldsTheSlotOfARunThatCameIntoViewLate) {
    Cluster cluster;
    cluster.controller.recover();
    auto late = apart("late");
    late.status.started = kNow;
    late.status.attempts = {{.number = 1, .job = plan::job_name(late.meta, 1), .started = kNow}};
    cluster.has_job(late, {});
    cluster.reconcile(late);
    EXPECT_EQ(cluster.slots.held(), 1U);
    auto other = apart("other");
    other.spec.source = late.spec.source;
    cluster.reconcile(other);
    EXPECT_FALSE(cluster.api.asked("POST", kJobs)) << "one run a source";
}

TEST(BackupController, AClaimThatCannotBeReadClosesTheGateOfALookUp) {
    Cluster cluster;
    cluster.api.failures["GET /api/v1/namespaces/db/persistentvolumeclaims/claim"] = 403;
    cluster.reconcile(silent(seconds(30)));
    EXPECT_THAT(cluster.patched("a"), HasSubstr("StorageNotReady"));
    EXPECT_THAT(cluster.patched("a"), HasSubstr("persistentvolumeclaims/claim"));
    const auto late = silent(api::Backup{}.spec.start_timeout + seconds(1));
    cluster.reconcile(late);
    EXPECT_THAT(cluster.patched("a"), HasSubstr("could not look for a finished artifact"));
}

TEST(BackupController, LooksForAPodBeforeItsAbsenceOrAnOldViewOfItCounts) {
    for (const bool known : {false, true}) {
        Cluster cluster;
        auto backup = Cluster::backup("a");
        const auto job = plan::job_name(backup.meta, 1);
        backup.status.started = kNow - std::chrono::minutes(11);
        backup.status.attempts = {{.number = 1, .job = job, .started = kNow - std::chrono::minutes(11)}};
        cluster.world.jobs.apply("db/" + job, {.meta = {.name = job, .owner_uid = backup.meta.uid}, .failed = true});
        const auto report = contract::to_json(
            {.reason = Reason::kStorageFull, .message = "told", .run_uid = backup.meta.uid, .attempt = 1});
        const base::Json pod{
            {"metadata",
             {{"name", job + "-x"},
              {"namespace", "db"},
              {"uid", "pod"},
              {"resourceVersion", "1"},
              {"labels", {{"neo4jbackup.dev/backup-uid", backup.meta.uid}}}}},
            {"status",
             {{"containerStatuses", {{{"name", "runner"}, {"state", {{"terminated", {{"message", report}}}}}}}}}}};
        if (known) {
            cluster.world.pods.apply(
                "db/" + job + "-x",
                {.meta = {.object_namespace = "db", .name = job + "-x", .backup_uid = backup.meta.uid}});
        }
        cluster.api.objects["/api/v1/namespaces/db/pods"] = base::Json{{"items", {pod}}}.dump();
        cluster.reconcile(backup);
        EXPECT_THAT(cluster.patched("a"), HasSubstr("StorageFull"));
        EXPECT_TRUE(cluster.api.asked("GET", "pods?labelSelector=neo4jbackup.dev%2Fbackup-uid%3D" + backup.meta.uid));
    }
}

}  // namespace
}  // namespace n4b::controllers
