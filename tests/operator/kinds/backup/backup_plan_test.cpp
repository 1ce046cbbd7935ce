#include "operator/kinds/backup/backup_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "operator/run/locks.hpp"

namespace n4b::backup {
namespace {

using base::Reason;
using contract::MemberRole;
using contract::SourcePolicy;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Outcome = run::Verdict::Outcome;

const base::SystemTime kNow{seconds(1'790'000'000)};

/// A backup and everything that it refers to.
struct World {
    Backup backup{.meta = {.object_namespace = "db", .name = "b", .uid = "u-1", .generation = 2},
                  .spec = {.source = "prod", .storage = "main"}};
    source::Source source{
        .meta = {.object_namespace = "db", .name = "prod"},
        .spec = {.name = "production", .database = "graph.db", .endpoints = {{"h", 6362}}, .max_lag = 7}};
    storage::Storage storage{.meta = {.object_namespace = "db", .name = "main"},
                             .spec = {.claim = "disk", .path = "a/b"}};
    api::Claim claim{.phase = "Bound", .access_modes = {"ReadWriteMany"}};
    run::RunnerConfig config{
        .image = "image",
        .defaults = {.resources = {.requests = {{"memory", "64Mi"}}, .limits = {{"memory", "64Mi"}}},
                     .security_context = R"({"runAsUser":7})"}};

    [[nodiscard]] References refs() const {
        return {.source = &source, .storage = &storage, .claim = claim, .endpoints = source.spec.endpoints};
    }
    [[nodiscard]] run::Preparation prepared(bool look_up = false) const {
        return prepare(backup, refs(), config, {.number = 1, .look_up = look_up});
    }
};

std::string closed(const Backup& backup, const References& refs) {
    const auto gate = closed_gate(backup, refs);
    return gate ? std::string(to_string(gate->reason)) : "open";
}

TEST(BackupGates, CloseForWhatIsMissingOrGoing) {
    World w;
    EXPECT_EQ(closed(w.backup, w.refs()), "open");
    auto refs = w.refs();
    refs.claim->terminating = true;
    EXPECT_EQ(closed(w.backup, refs), "StorageNotReady");
    refs.claim.reset();
    EXPECT_EQ(closed(w.backup, refs), "StorageNotReady");
    refs.storage = nullptr;
    EXPECT_EQ(closed(w.backup, refs), "StorageNotFound");
    refs.source = nullptr;
    EXPECT_EQ(closed(w.backup, refs), "SourceNotFound");
}

TEST(BackupGates, CloseForADatabaseThatItsSourceDoesNotHold) {
    World w;
    w.backup.spec.database = "graph.db";
    EXPECT_EQ(closed(w.backup, w.refs()), "open");
    w.backup.spec.database = "other";
    EXPECT_EQ(closed(w.backup, w.refs()), "SourceNotReady");
    EXPECT_THAT(closed_gate(w.backup, w.refs())->message, HasSubstr("\"graph.db\""));
}

TEST(BackupGates, CloseForAServiceWithoutEndpoints) {
    World w;
    EXPECT_FALSE(closed_endpoints(w.refs()));
    auto refs = w.refs();
    refs.endpoints.clear();
    w.source.spec.service = source::ServicePort{"replicas", "backup"};
    EXPECT_EQ(closed_endpoints(refs)->reason, Reason::kServiceHasNoEndpoints);
    EXPECT_THAT(closed_endpoints(refs)->message, HasSubstr("replicas"));
}

TEST(BackupPreparation, TellsTheRunnerWhatToCopyFromWhereToWhere) {
    World w;
    w.backup.spec.connections = 4;
    w.backup.spec.bandwidth_limit = 9;
    w.backup.spec.type = contract::BackupType::kIncremental;
    w.backup.spec.when_impossible = contract::WhenImpossible::kFail;
    w.backup.spec.max_chain_length = 30;
    w.backup.spec.verify = contract::VerifyLevel::kChecksum;
    w.source.spec.policy = SourcePolicy::kReplicaOnly;
    const auto spec = w.prepared().spec;
    EXPECT_EQ(spec.command, contract::Command::kBackup);
    EXPECT_EQ(spec.source, "production") << "the name in the storage";
    EXPECT_EQ(spec.database, "graph.db");
    EXPECT_EQ(spec.endpoints, w.source.spec.endpoints);
    EXPECT_EQ(spec.policy, SourcePolicy::kReplicaOnly);
    EXPECT_EQ(spec.max_lag, 7);
    EXPECT_EQ(spec.type, contract::BackupType::kIncremental);
    EXPECT_EQ(spec.when_impossible, contract::WhenImpossible::kFail);
    EXPECT_EQ(spec.max_chain_length, 30);
    EXPECT_EQ(spec.verify, contract::VerifyLevel::kChecksum);
    EXPECT_EQ(w.prepared(true).spec.verify, contract::VerifyLevel::kChecksum) << "a look-up claims no more either";
    EXPECT_EQ(spec.connections, 4);
    EXPECT_EQ(spec.bandwidth_limit, 9);
    EXPECT_EQ(spec.storage_path, "/backup/a/b");
    w.storage.spec.path.clear();
    EXPECT_EQ(w.prepared().spec.storage_path, "/backup");
}

TEST(BackupPreparation, LetsABackupInitializeAnEmptyStorageAndALookUpNothing) {
    World w;
    w.storage.meta.uid = "s-1";
    EXPECT_TRUE(w.prepared().spec.initialize);
    EXPECT_EQ(w.prepared().spec.new_repository, "s-1") << "as the storage's own look makes it";
    EXPECT_FALSE(w.prepared(true).spec.initialize) << "there is nothing to find in an empty place";
}

TEST(BackupPreparation, ExpectsTheRepositoryThatTheStorageIsKnownToHold) {
    World w;
    w.storage.status.repository = "9f0c";
    EXPECT_EQ(w.prepared().spec.repository, "9f0c");
    EXPECT_FALSE(w.prepared().spec.initialize);
}

TEST(BackupPreparation, GivesALookUpNeitherEndpointsNorCredentials) {
    World w;
    w.source.spec.tls = source::Tls{.secret = "certificates"};
    EXPECT_EQ(w.prepared().mounts.size(), 2U);
    const auto look_up = w.prepared(true);
    EXPECT_EQ(look_up.spec.command, contract::Command::kLookUp);
    EXPECT_THAT(look_up.spec.endpoints, IsEmpty());
    EXPECT_FALSE(look_up.spec.tls);
    ASSERT_EQ(look_up.mounts.size(), 1U);
    EXPECT_EQ(base::Json::parse(look_up.mounts[0].volume)["persistentVolumeClaim"]["claimName"], "disk");
    EXPECT_EQ(look_up.locks, w.prepared().locks) << "it must not run beside a copy";
}

TEST(BackupPreparation, MountsTheCredentialsOfABucketAndTellsTheRunnerWhereItIs) {
    World w;
    w.storage.spec = {.s3 = storage::S3{.bucket = "backups",
                                        .region = "eu-central-1",
                                        .credentials = "keys",
                                        .ca = api::KeyRef{.name = "bundle", .key = "ca.pem"}}};
    auto refs = w.refs();
    refs.claim.reset();
    EXPECT_EQ(closed(w.backup, refs), "open") << "a bucket has no claim";
    for (const bool look_up : {false, true}) {
        const auto prepared = prepare(w.backup, refs, w.config, {.number = 1, .look_up = look_up});
        EXPECT_EQ(prepared.spec.storage_path, "");
        ASSERT_TRUE(prepared.spec.storage_s3);
        EXPECT_EQ(prepared.spec.storage_s3->bucket, "backups");
        EXPECT_EQ(prepared.spec.storage_s3->credentials_dir, "/storage/credentials");
        EXPECT_EQ(prepared.spec.storage_s3->ca_file, "/storage/ca/ca.crt");
        ASSERT_EQ(prepared.mounts.size(), 2U);
        EXPECT_EQ(base::Json::parse(prepared.mounts[0].volume)["secret"]["secretName"], "keys");
        EXPECT_EQ(base::Json::parse(prepared.mounts[1].volume)["secret"]["items"][0]["key"], "ca.pem");
        EXPECT_THAT(prepared.locks, ElementsAre(run::source_lock("db", "production", "graph.db")));
    }
}

TEST(BackupPreparation, LocksItsSourceAndAClaimThatCannotBeShared) {
    World w;
    const auto source = run::source_lock("db", "production", "graph.db");
    EXPECT_THAT(w.prepared().locks, ElementsAre(source));
    w.claim.access_modes = {"ReadWriteOnce"};
    EXPECT_THAT(w.prepared().locks, ElementsAre(source, run::claim_lock("db", "disk")));
}

TEST(BackupPreparation, PutsTheBackupsResourcesOverTheStoragesOverTheDefaults) {
    World w;
    w.storage.spec.runner.resources.limits = {{"memory", "128Mi"}, {"cpu", "1"}};
    w.storage.spec.runner.security_context = "{}";
    w.backup.spec.resources.limits = {{"memory", "32Mi"}};
    const auto profile = w.prepared().profile;
    EXPECT_EQ(profile.resources.limits, (api::Quantities{{"cpu", "1"}, {"memory", "32Mi"}}));
    EXPECT_EQ(profile.resources.requests.at("memory"), "32Mi");
    EXPECT_EQ(profile.security_context, "{}") << "the storage leaves the ids to the cluster";
}

TEST(BackupPreparation, LabelsWhatItIsAbout) {
    const auto labels = World{}.prepared().labels;
    EXPECT_EQ(labels.at("neo4jbackup.dev/source"), "production");
    EXPECT_EQ(labels.at("neo4jbackup.dev/database"), "graph.db");
    EXPECT_EQ(labels.at("neo4jbackup.dev/storage"), "main");
}

contract::RunReport report(MemberRole role) {
    contract::RunReport report{.reason = Reason::kCompleted};
    report.source = contract::SourceReport{
        .address = "10.0.0.1:6362", .member = "core-0", .role = role, .choice = "a core: no read replica can be used"};
    return report;
}

contract::PassedOver behind() {
    return {.address = "10.0.0.2:6362", .member = "replica-0", .reason = Reason::kSourceBehind, .message = "late"};
}

/// The events that a step adds to a run whose attempt ended with the report, as "Reason: note".
std::vector<std::string> events(const contract::RunReport& report, SourcePolicy policy) {
    World w;
    w.source.spec.policy = policy;
    run::RunStep step{.report = report};
    const auto status = status_after({.backup = w.backup, .source = &w.source, .now = kNow}, step);
    EXPECT_EQ(status.source, report.source);
    std::vector<std::string> texts;
    for (const auto& event : step.events) {
        EXPECT_TRUE(event.warning);
        texts.push_back(event.reason + ": " + event.note);
    }
    return texts;
}

TEST(BackupStep, WarnsOfAFallbackAndOfThosePassedOver) {
    auto fallback = report(MemberRole::kCore);
    fallback.passed_over = {behind()};
    EXPECT_THAT(events(fallback, SourcePolicy::kPreferReplica),
                ElementsAre("SourcePassedOver: 10.0.0.2:6362 (replica-0): SourceBehind: late",
                            "SourceFallback: copied from 10.0.0.1:6362 (core-0), a core: no read replica can be used"));
    EXPECT_EQ(events(fallback, SourcePolicy::kAny).size(), 1U) << "a core is as good as any";
    EXPECT_THAT(events(report(MemberRole::kReadReplica), SourcePolicy::kPreferReplica), IsEmpty());
    EXPECT_EQ(events(report(MemberRole::kUnknown), SourcePolicy::kPreferReplica).size(), 1U);
    fallback.adopted = true;
    EXPECT_THAT(events(fallback, SourcePolicy::kPreferReplica), IsEmpty());
}

TEST(BackupStep, TellsAFailureOfTheOnlySourceOnce) {
    contract::RunReport failed{.reason = Reason::kSourceBehind};
    failed.passed_over = {behind()};
    EXPECT_THAT(events(failed, SourcePolicy::kAny), IsEmpty());
    failed.passed_over.push_back(behind());
    EXPECT_EQ(events(failed, SourcePolicy::kAny).size(), 2U);
}

TEST(BackupStep, RemembersWhatTheAttemptWasStartedWith) {
    World w;
    const auto prepared = w.prepared();
    run::RunStep step{.start = run::StartAttempt{}, .status = {.attempts = {{.number = 1}}}};
    const auto status = status_after(
        {.backup = w.backup, .source = &w.source, .prepared = &prepared, .runner_image = "image", .now = kNow}, step);
    EXPECT_EQ(status.runner_image, "image");
    EXPECT_EQ(status.memory_limit, "64Mi");
    EXPECT_EQ(status.observed_generation, 2);
    EXPECT_EQ(status.run, step.status);
}

TEST(BackupStep, StoresWhatASuccessStored) {
    World w;
    auto done = report(MemberRole::kReadReplica);
    auto& artifact = done.artifact.emplace();
    artifact.chain = "c";
    artifact.highest_transaction = 12;
    run::RunStep step{.verdict = {.outcome = Outcome::kSucceeded, .reason = Reason::kCompleted}, .report = done};
    const auto status = status_after({.backup = w.backup, .source = &w.source, .now = kNow}, step);
    EXPECT_EQ(status.artifact, done.artifact);
    EXPECT_EQ(step.verdict.message, "Full up to transaction 12 in chain c");
    EXPECT_EQ(api::find_condition(status.conditions, "Succeeded")->message, step.verdict.message);
    ASSERT_EQ(step.events.size(), 1U);
    EXPECT_FALSE(step.events[0].warning);
    EXPECT_EQ(step.events[0].reason, "Completed");
}

TEST(BackupStep, WarnsOfALevelThatWasNotReached) {
    World w;
    w.backup.spec.verify = contract::VerifyLevel::kChain;
    auto done = report(MemberRole::kReadReplica);
    auto& artifact = done.artifact.emplace();
    const auto events = [&](const std::string& level) {
        artifact.level = level;
        run::RunStep step{.verdict = {.outcome = Outcome::kSucceeded, .reason = Reason::kCompleted}, .report = done};
        const auto status = status_after({.backup = w.backup, .source = &w.source, .now = kNow}, step);
        EXPECT_EQ(status.artifact->level, level);
        return step.events;
    };
    EXPECT_EQ(events("Chain").size(), 1U);
    const auto lower = events("Checksum");
    ASSERT_EQ(lower.size(), 2U);
    EXPECT_TRUE(lower[0].warning);
    EXPECT_EQ(lower[0].reason, "LevelNotReached");
    EXPECT_THAT(lower[0].note, ::testing::HasSubstr("verified up to Checksum, spec.verify asks for Chain"));
}

TEST(BackupStep, CallsARunThatFoundNothingNewASuccess) {
    World w;
    auto done = report(MemberRole::kReadReplica);
    done.up_to_date = contract::UpToDateReport{.chain = "c", .artifact = "a", .transaction = 12, .current_at = kNow};
    done.tls = contract::TlsReport{.version = "TLSv1.3", .client_certificate_requested = true};
    run::RunStep step{.verdict = {.outcome = Outcome::kSucceeded, .reason = Reason::kCompleted}, .report = done};
    const auto status = status_after({.backup = w.backup, .source = &w.source, .now = kNow}, step);
    EXPECT_EQ(status.up_to_date, done.up_to_date);
    EXPECT_FALSE(status.artifact);
    EXPECT_EQ(status.database, "graph.db");
    EXPECT_EQ(status.tls, done.tls);
    EXPECT_EQ(step.verdict.message, "nothing new since transaction 12: chain c holds all that the source has");
}

TEST(BackupStep, ExplainsAFullBackupInPlaceOfAnIncrement) {
    World w;
    auto done = report(MemberRole::kReadReplica);
    done.artifact.emplace().chain = "c";
    done.unexpected_full =
        contract::UnexpectedFull{.reason = Reason::kSourceLogPruned, .message = "transaction 5 is gone"};
    run::RunStep step{.verdict = {.outcome = Outcome::kSucceeded, .reason = Reason::kCompleted}, .report = done};
    const auto status = status_after({.backup = w.backup, .source = &w.source, .now = kNow}, step);
    const auto* condition = api::find_condition(status.conditions, "UnexpectedFull");
    ASSERT_NE(condition, nullptr);
    EXPECT_EQ(condition->status, "True");
    EXPECT_EQ(condition->reason, "SourceLogPruned");
    EXPECT_THAT(condition->message, HasSubstr("transaction 5 is gone"));
    EXPECT_THAT(condition->message, HasSubstr("dbms.tx_log.rotation.retention_policy"));
    EXPECT_THAT(condition->message, HasSubstr("more often"));
    ASSERT_EQ(step.events.size(), 2U);
    EXPECT_TRUE(step.events[0].warning);
    EXPECT_EQ(step.events[0].reason, "UnexpectedFull");
    EXPECT_THAT(step.events[0].note, HasSubstr("SourceLogPruned: transaction 5 is gone"));
}

TEST(BackupStep, TellsWhyItNeededAFullThatThenFailed) {
    World w;
    contract::RunReport failed{.reason = Reason::kStorageFull};
    failed.unexpected_full = contract::UnexpectedFull{.reason = Reason::kHistoryDiverged, .message = "set back"};
    run::RunStep step{.report = failed};
    const auto status = status_after({.backup = w.backup, .source = &w.source, .now = kNow}, step);
    EXPECT_EQ(api::find_condition(status.conditions, "UnexpectedFull"), nullptr) << "there is no full backup";
    ASSERT_EQ(step.events.size(), 1U);
    EXPECT_EQ(step.events[0].reason, "UnexpectedFull");
}

TEST(BackupStep, WarnsOfAFailureAndNotOfASkippedRun) {
    for (const auto& [outcome, warns] : {std::pair(Outcome::kFailed, true), std::pair(Outcome::kSkipped, false)}) {
        World w;
        run::RunStep step{.verdict = {.outcome = outcome, .reason = Reason::kSkipped, .message = "m"}};
        (void)status_after({.backup = w.backup, .now = kNow}, step);
        ASSERT_EQ(step.events.size(), 1U);
        EXPECT_EQ(step.events[0].warning, warns);
    }
}

}  // namespace
}  // namespace n4b::backup
