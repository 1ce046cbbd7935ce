#include "operator/kinds/restore/restore_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/names.hpp"
#include "operator/run/locks.hpp"

namespace n4b::restore {
namespace {

using base::Reason;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using Outcome = run::Verdict::Outcome;

const base::SystemTime kNow{seconds(1'790'000'000)};

/// A restore and everything that it may refer to.
struct World {
    Restore restore{.meta = {.object_namespace = "db", .name = "r", .uid = "u-1", .generation = 2},
                    .spec = {.storage = "main", .source = "production", .database = "graph.db", .claim = "data"}};
    storage::Storage storage{.meta = {.object_namespace = "db", .name = "main"},
                             .spec = {.claim = "disk", .path = "a/b"},
                             .status = {.repository = "9f0c"}};
    backup::Backup backup{.meta = {.object_namespace = "db", .name = "nightly"},
                          .spec = {.source = "prod", .storage = "main"}};
    source::Source source{.meta = {.object_namespace = "db", .name = "prod"}, .spec = {.name = "production"}};
    api::Claim shared{.phase = "Bound", .access_modes = {"ReadWriteMany"}};
    run::RunnerConfig config{.image = "image", .defaults = {.resources = {.limits = {{"memory", "64Mi"}}}}};

    World() {
        backup.status.artifact = contract::ArtifactReport{.database = "graph.db",
                                                          .chain = "c-1",
                                                          .artifact = "x",
                                                          .location = "production/graph.db/heads/x.json",
                                                          .highest_transaction = 12};
        end(backup, Outcome::kSucceeded, Reason::kCompleted);
    }
    static void end(backup::Backup& backup, Outcome outcome, Reason reason) {
        run::set_verdict(backup.status.conditions, {.outcome = outcome, .reason = reason, .message = "m"}, {});
    }
    [[nodiscard]] Named named() const { return {.backup = &backup, .source = &source}; }
    /// The restore is to be recovered by a server, which the source names.
    void recover() {
        restore.spec.recovery = Recovery::kServer;
        source.spec.server = source::Server{.image = "neo4j:3.4", .accept_license = true};
    }
    [[nodiscard]] References refs() const {
        return {.origin = origin_of(restore, named()),
                .server = &source,
                .storage = &storage,
                .storage_claim = shared,
                .target = shared};
    }
    [[nodiscard]] run::Preparation prepared() const { return prepare(restore, refs(), config); }
};

std::string closed(const Restore& restore, const References& refs) {
    const auto gate = closed_gate(restore, refs);
    return gate ? std::string(to_string(gate->reason)) : "open";
}

TEST(RestoreGates, CloseForWhatIsMissingOrGoingOrInUse) {
    World w;
    EXPECT_EQ(closed(w.restore, w.refs()), "open");
    auto refs = w.refs();
    refs.user_of_target = "neo4j-0";
    EXPECT_EQ(closed(w.restore, refs), "TargetInUse");
    EXPECT_THAT(closed_gate(w.restore, refs)->message, HasSubstr("pod neo4j-0 uses claim data"));
    refs.target->terminating = true;
    EXPECT_EQ(closed(w.restore, refs), "TargetNotReady");
    refs.target.reset();
    EXPECT_EQ(closed(w.restore, refs), "TargetNotReady");
    refs.storage_claim.reset();
    EXPECT_EQ(closed(w.restore, refs), "StorageNotReady");
    refs.storage = nullptr;
    EXPECT_EQ(closed(w.restore, refs), "StorageNotFound");
}

TEST(RestoreGates, CloseForTheVolumeThatHoldsTheBackups) {
    World w;
    auto refs = w.refs();
    refs.storage_on_target = "other";
    EXPECT_EQ(closed(w.restore, refs), "TargetNotReady");
    EXPECT_THAT(closed_gate(w.restore, refs)->message, HasSubstr("holds the backups of storage \"other\""));
}

TEST(RestoreGates, CloseForABackupThatIsMissingOrHasNotSucceeded) {
    World w;
    EXPECT_FALSE(closed_backup(w.restore, {})) << "none is named";
    w.restore.spec.backup = "nightly";
    EXPECT_FALSE(closed_backup(w.restore, w.named()));
    EXPECT_EQ(closed_backup(w.restore, {})->reason, Reason::kBackupNotFound);
    for (const auto outcome : {Outcome::kUnknown, Outcome::kFailed, Outcome::kSkipped}) {
        World::end(w.backup, outcome, Reason::kSourceUnreachable);
        EXPECT_EQ(closed_backup(w.restore, w.named())->reason, Reason::kBackupNotReady);
        EXPECT_THAT(closed_backup(w.restore, w.named())->message, HasSubstr("SourceUnreachable"));
        EXPECT_EQ(closed_backup(w.restore, w.named())->for_ever, outcome != Outcome::kUnknown);
    }
}

TEST(RestoreGates, CloseWhereNothingSaysWithWhichServerToRecover) {
    World w;
    w.source.spec.server.reset();
    EXPECT_EQ(closed(w.restore, w.refs()), "open") << "nobody asked for one";
    w.recover();
    EXPECT_EQ(closed(w.restore, w.refs()), "open");
    const auto message = [&](const References& refs) {
        EXPECT_EQ(closed(w.restore, refs), "RecoveryServerMissing");
        EXPECT_FALSE(closed_gate(w.restore, refs)->for_ever);
        return closed_gate(w.restore, refs)->message;
    };
    w.source.spec.server->accept_license = false;
    EXPECT_EQ(
        message(w.refs()),
        "spec.recovery is Server, and spec.server.acceptLicense of Neo4jBackupSource \"prod\" is not true; expected "
        "true, which accepts the licence of image neo4j:3.4");
    w.source.spec.server->image.clear();
    EXPECT_THAT(message(w.refs()), HasSubstr("spec.server.image of Neo4jBackupSource \"prod\" is empty"));
    w.source.spec.server.reset();
    EXPECT_THAT(message(w.refs()), HasSubstr("Neo4jBackupSource \"prod\" has no spec.server; expected image and"));
    auto refs = w.refs();
    refs.server = nullptr;
    EXPECT_THAT(message(refs), HasSubstr("no Neo4jBackupSource in this namespace has \"production\" as its spec.name"));
}

TEST(RestoreServer, IsThatOfTheBackupsSourceOrOfOneThatTheStorageKnowsByTheName) {
    World w;
    const auto make = [](const char* name, const char* identity, bool server) {
        source::Source source{.meta = {.object_namespace = "db", .name = name}, .spec = {.name = identity}};
        if (server) source.spec.server.emplace().image = name;
        return std::make_shared<const source::Source>(source);
    };
    const std::vector<std::shared_ptr<const source::Source>> sources{
        make("d", "production", true), make("c", "production", true), make("b", "production", false),
        make("a", "another", true), make("production", "", true)};
    EXPECT_EQ(server_source(w.named(), "production", sources), &w.source);
    EXPECT_EQ(server_source({}, "production", sources)->meta.name, "c");
    EXPECT_EQ(server_source({}, "nobody", sources), nullptr);
    w.source.spec.name = "another";
    EXPECT_EQ(server_source(w.named(), "production", sources)->meta.name, "c") << "another backup has its name now";
}

TEST(RestoreOrigin, IsWhatTheRestoreSays) {
    World w;
    w.restore.spec.chain = "c-7";
    const auto origin = origin_of(w.restore, {});
    EXPECT_EQ(origin.storage, "main");
    EXPECT_EQ(origin.source, "production");
    EXPECT_EQ(origin.database, "graph.db");
    EXPECT_EQ(origin.chain, "c-7");
    EXPECT_FALSE(origin.transaction);
}

TEST(RestoreOrigin, OfABackupIsItsChainUpToItsLastTransaction) {
    World w;
    w.restore.spec = {.backup = "nightly", .claim = "data"};
    auto origin = origin_of(w.restore, w.named());
    EXPECT_EQ(origin.storage, "main");
    EXPECT_EQ(origin.source, "production");
    EXPECT_EQ(origin.database, "graph.db");
    EXPECT_EQ(origin.chain, "c-1");
    EXPECT_EQ(origin.transaction, 12) << "the chain may have gone on since";
    w.restore.spec.before_transaction = 5;
    EXPECT_FALSE(origin_of(w.restore, w.named()).transaction);
    w.source.spec.name = "another";
    EXPECT_EQ(origin_of(w.restore, w.named()).source, "production") << "the head lies there";
}

TEST(RestoreOrigin, OfABackupThatFoundNothingNewIsWhatItFound) {
    World w;
    w.restore.spec = {.backup = "nightly", .claim = "data"};
    w.backup.status.artifact.reset();
    w.backup.status.database = "graph.db";
    w.backup.status.up_to_date = contract::UpToDateReport{.chain = "c-2", .transaction = 44};
    const auto origin = origin_of(w.restore, w.named());
    EXPECT_EQ(origin.source, "production");
    EXPECT_EQ(origin.database, "graph.db");
    EXPECT_EQ(origin.chain, "c-2");
    EXPECT_EQ(origin.transaction, 44);
    EXPECT_EQ(origin_of(w.restore, {.backup = &w.backup}).source, "prod") << "its source's object is gone";
}

TEST(RestorePreparation, TellsTheRunnerWhatToRestoreFromWhereToWhere) {
    World w;
    w.restore.spec.before_time = kNow;
    const auto prepared = w.prepared();
    const auto& spec = prepared.spec;
    EXPECT_EQ(spec.command, contract::Command::kRestore);
    EXPECT_EQ(spec.source, "production");
    EXPECT_EQ(spec.database, "graph.db");
    EXPECT_EQ(spec.storage_path, "/backup/a/b");
    EXPECT_EQ(spec.repository, "9f0c");
    EXPECT_FALSE(spec.initialize) << "there is nothing to restore from an empty place";
    EXPECT_EQ(spec.restore, (contract::RestoreSpec{.before_time = kNow, .directory = "/target/databases/graph.db"}));
    EXPECT_EQ(contract::parse_run_spec(contract::to_json([&] {
                  auto whole = spec;
                  whole.run = {.uid = "u-1", .attempt = 1};
                  return whole;
              }()))
                  ->restore,
              spec.restore);
    ASSERT_EQ(prepared.mounts.size(), 2U);
    EXPECT_EQ(prepared.mounts[1].path, "/target");
    EXPECT_THAT(prepared.mounts[1].volume, HasSubstr("\"claimName\":\"data\""));
    EXPECT_EQ(prepared.labels.at(api::kSourceLabel), "production");
    w.restore.spec.path = "x/y";
    w.restore.spec.log_path = "logs";
    EXPECT_EQ(w.prepared().spec.restore.directory, "/target/x/y");
    EXPECT_EQ(w.prepared().spec.restore.log_directory, "/target/logs");
}

TEST(RestorePreparation, HoldsItsTargetAndTheStoragesVolumeAndTakesASlot) {
    World w;
    EXPECT_THAT(w.prepared().locks, ElementsAre(run::target_lock("db", "data"), run::claim_lock("db", "data")));
    auto refs = w.refs();
    refs.storage_claim = api::Claim{.access_modes = {"ReadWriteOnce"}};
    const auto locks = prepare(w.restore, refs, w.config).locks;
    EXPECT_THAT(locks, ElementsAre(run::target_lock("db", "data"), run::claim_lock("db", "data"),
                                   run::claim_lock("db", "disk")));
    run::Locks all(1);
    ASSERT_FALSE(all.acquire({.uid = "a"}, locks));
    EXPECT_EQ(all.running(), 1U);
    EXPECT_TRUE(all.acquire({.uid = "b"}, w.prepared().locks)) << "two never write to one claim";
    for (const auto& lock : locks) EXPECT_TRUE(run::is_lock_of("db", lock)) << lock;
}

TEST(RestoreStatusAfter, TellsWhatIsBeingRestoredAndWhereItIsInTheEnd) {
    World w;
    const auto prepared = w.prepared();
    run::RunStep begins{.start = run::StartAttempt{}};
    w.restore.status =
        status_after({.restore = w.restore, .prepared = &prepared, .runner_image = "image", .now = kNow}, begins);
    EXPECT_EQ(w.restore.status.storage, "main");
    EXPECT_EQ(w.restore.status.source, "production");
    EXPECT_EQ(w.restore.status.database, "graph.db");
    EXPECT_EQ(w.restore.status.memory_limit, "64Mi");
    run::RunStep ends{.verdict = {.outcome = Outcome::kSucceeded, .reason = Reason::kCompleted}};
    ends.report = contract::RunReport{.reason = Reason::kCompleted,
                                      .message = "heads/x.json",
                                      .restored = contract::RestoredReport{.chain = "c", .transaction = 7}};
    const auto status = status_after({.restore = w.restore, .now = kNow}, ends);
    EXPECT_EQ(status.restored->transaction, 7);
    EXPECT_EQ(status.path, "databases/graph.db");
    EXPECT_EQ(ends.verdict.message, "transactions up to 7 are in databases/graph.db of claim data: heads/x.json");
    ASSERT_EQ(ends.events.size(), 1U);
    EXPECT_FALSE(ends.events[0].warning);
}

TEST(RestoreStatusAfter, TellsHowToSeeWhetherARestoreWithoutAReportHadFinished) {
    World w;
    w.restore.status.database = "graph.db";
    run::RunStep ends{.verdict = {.outcome = Outcome::kFailed, .reason = Reason::kPodLost, .message = "m"}};
    (void)status_after({.restore = w.restore, .now = kNow}, ends);
    EXPECT_EQ(ends.verdict.message,
              "m; if databases/graph.db/RESTORED.json is in claim data, the restore had finished");
}

TEST(RestorePreparation, HasAServerOnlyWhereOneIsToRecover) {
    World w;
    EXPECT_FALSE(w.prepared().server);
    w.recover();
    w.source.spec.server->resources.limits["memory"] = "4Gi";
    w.restore.spec.log_path = "logs";
    const auto server = w.prepared().server;
    ASSERT_TRUE(server);
    EXPECT_EQ(server->image, "neo4j:3.4");
    EXPECT_EQ(server->resources.limits.at("memory"), "4Gi");
    EXPECT_EQ(server->database, "graph.db");
    EXPECT_EQ(server->volume, "target");
    EXPECT_EQ(server->path, "databases/graph.db");
    EXPECT_EQ(server->log_path, "logs");
}

TEST(RestoreStatusAfter, TellsWhichImageRecoveredTheDatabase) {
    World w;
    w.recover();
    const auto prepared = w.prepared();
    run::RunStep begins{.start = run::StartAttempt{}};
    w.restore.status = status_after({.restore = w.restore, .prepared = &prepared, .now = kNow}, begins);
    EXPECT_EQ(w.restore.status.server_image, "neo4j:3.4");
    EXPECT_EQ(owner_of(w.restore).server_memory_limit, "2Gi");
    EXPECT_FALSE(w.restore.status.recovered);
    const contract::RunReport report{
        .reason = Reason::kCompleted, .message = "x.json", .restored = contract::RestoredReport{.transaction = 7}};
    run::RunStep fails{.verdict = {.outcome = Outcome::kFailed, .reason = Reason::kRecoveryFailed, .message = "m"}};
    fails.report = report;
    EXPECT_FALSE(status_after({.restore = w.restore, .now = kNow}, fails).recovered);
    EXPECT_EQ(fails.verdict.message, "m; transactions up to 7 are in databases/graph.db of claim data, not recovered");
    run::RunStep ends{.verdict = {.outcome = Outcome::kSucceeded, .reason = Reason::kCompleted}};
    ends.report = report;
    EXPECT_TRUE(status_after({.restore = w.restore, .now = kNow}, ends).recovered);
    EXPECT_EQ(ends.verdict.message,
              "transactions up to 7 are in databases/graph.db of claim data, recovered by image neo4j:3.4: x.json");
}

TEST(RestoreStatusAfter, WarnsOfAFailure) {
    World w;
    run::RunStep ends{.verdict = {.outcome = Outcome::kFailed, .reason = Reason::kTargetNotEmpty, .message = "m"}};
    const auto status = status_after({.restore = w.restore, .now = kNow}, ends);
    EXPECT_FALSE(status.restored);
    ASSERT_EQ(ends.events.size(), 1U);
    EXPECT_TRUE(ends.events[0].warning);
    EXPECT_EQ(ends.events[0].reason, "TargetNotEmpty");
}

}  // namespace
}  // namespace n4b::restore
