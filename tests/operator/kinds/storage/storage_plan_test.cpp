#include "operator/kinds/storage/storage_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "operator/kinds/storage/what_failed.hpp"
#include "operator/run/locks.hpp"

namespace n4b::storage {
namespace {

using base::Reason;
using contract::ExclusiveCreate;
using contract::StorageReport;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Outcome = run::Verdict::Outcome;

const base::SystemTime kNow{seconds(1'790'000'000)};

Storage volume() {
    return {.meta = {.object_namespace = "db", .name = "main", .uid = "u", .generation = 3}, .spec = {.claim = "disk"}};
}

Storage bucket() {
    auto storage = volume();
    storage.spec = {.s3 = S3{.bucket = "b", .region = "r", .credentials = "keys"}};
    return storage;
}

ClaimInputs bound() {
    return {.claim = api::Claim{.phase = "Bound", .access_modes = {"ReadWriteMany"}}};
}

/// A storage whose looks end with what the test says.
struct Looked {
    Storage storage = bucket();
    run::RunStep step{};

    std::string repository{};  ///< What the runner tells of it.
    bool listed = true;        ///< Whether the chains have been fetched.

    Looked& sees(Outcome outcome, Reason reason, std::optional<StorageReport> found = {}) {
        step = {.status = storage.status.run, .verdict = {.outcome = outcome, .reason = reason, .message = "told"}};
        if (outcome != Outcome::kUnknown) {
            step.status.completed = kNow;
            step.report = contract::RunReport{.reason = reason,
                                              .repository = repository,
                                              .storage = std::move(found),
                                              .catalogue = contract::CatalogueReport{.chains = 2, .artifacts = 5}};
        }
        storage.status = status_after(storage, step, listed, kNow);
        return *this;
    }
    Looked& works(const StorageReport& found = {}) { return sees(Outcome::kSucceeded, Reason::kCompleted, found); }
    Looked& fails(Reason reason) { return sees(Outcome::kFailed, reason); }
    Looked& waits(Reason reason) { return sees(Outcome::kUnknown, reason); }
    [[nodiscard]] std::string condition(const char* type) const {
        const auto* c = api::find_condition(storage.status.conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
    [[nodiscard]] std::string conditions() const {
        return condition("Ready") + " " + condition("Reachable") + " " + condition("Writable");
    }
    [[nodiscard]] std::vector<std::string> warnings() const {
        std::vector<std::string> reasons;
        for (const auto& event : step.events) reasons.push_back(event.reason);
        return reasons;
    }
};

TEST(StorageGate, TableOfClaims) {
    const auto gate = [](const ClaimInputs& inputs) {
        const auto closed = closed_gate(volume(), inputs);
        return closed ? std::string(to_string(closed->reason)) : "open";
    };
    EXPECT_EQ(gate({}), "ClaimNotFound");
    EXPECT_EQ(gate(bound()), "open");
    EXPECT_EQ(gate({.claim = api::Claim{.phase = "Bound", .terminating = true}}), "ClaimTerminating");
    EXPECT_EQ(gate({.claim = api::Claim{.phase = "Lost"}}), "ClaimLost");
    EXPECT_EQ(gate({.claim = api::Claim{.phase = "Pending"}}), "ClaimNotBound");
    for (const char* reason : {"WaitForFirstConsumer", "WaitForPodScheduled"}) {
        EXPECT_EQ(gate({.claim = api::Claim{.phase = "Pending"}, .events = {{"Normal", reason, "m"}}}), "open")
            << "the look's own pod binds it";
    }
    EXPECT_FALSE(closed_gate(bucket(), {})) << "a bucket has no claim";
}

TEST(StorageGate, TellsTheLastEventOfAClaimThatIsNotBound) {
    const ClaimInputs inputs{.claim = api::Claim{.phase = "Pending"},
                             .events = {{"Warning", "A", "first"}, {"Warning", "B", "last"}}};
    const auto message = closed_gate(volume(), inputs)->message;
    EXPECT_THAT(message, HasSubstr("last"));
    EXPECT_THAT(message, Not(HasSubstr("first")));
}

TEST(StoragePreparation, ChecksTheStorageWithItsOwnPodProfile) {
    auto storage = volume();
    storage.spec.runner.security_context = "{}";
    const run::RunnerConfig config{.defaults = {.resources = {.limits = {{"memory", "64Mi"}}}}};
    const auto prepared = prepare(storage, bound(), config);
    EXPECT_FALSE(prepared.hindrance);
    EXPECT_EQ(prepared.spec.command, contract::Command::kCheckStorage);
    EXPECT_EQ(prepared.spec.storage_path, "/backup");
    EXPECT_EQ(prepared.profile.security_context, "{}");
    EXPECT_EQ(prepared.profile.resources.limits.at("memory"), "64Mi");
    EXPECT_EQ(prepared.labels.at("neo4jbackup.dev/storage"), "main");
    EXPECT_TRUE(prepared.spec.initialize);
    storage.status.repository = "9f0c";
    EXPECT_EQ(prepare(storage, bound(), config).spec.repository, "9f0c");
    EXPECT_FALSE(prepare(storage, bound(), config).spec.initialize);
    EXPECT_TRUE(contract::parse_run_spec([&] {
        auto spec = prepared.spec;
        spec.run = {.uid = "u"};
        return contract::to_json(spec);
    }()));
    EXPECT_EQ(prepare(storage, {}, config).hindrance->reason, Reason::kClaimNotFound);
}

TEST(StoragePreparation, WaitsForItsClaimButKeepsNothingFromBackups) {
    const auto look = run::look_lock("db", "main");
    const auto claim = run::claim_lock("db", "disk");
    EXPECT_THAT(awaited_locks(volume()), ElementsAre(look, claim));
    EXPECT_THAT(awaited_locks(bucket()), ElementsAre(look));
    EXPECT_THAT(prepare(volume(), bound(), {}).locks, ElementsAre(look));
    EXPECT_THAT(prepare(bucket(), {}, {}).locks, ElementsAre(look));
    run::Locks held(1);
    EXPECT_FALSE(held.acquire({.uid = "look"}, {look}));
    EXPECT_EQ(held.running(), 0U) << "a look that can't start must not keep backups from their slots";
    EXPECT_FALSE(held.acquire({.uid = "backup"}, {run::source_lock("db", "prod", "graph.db"), claim}))
        << "nor from their volume";
    EXPECT_TRUE(held.peek({.uid = "another look"}, awaited_locks(volume())));
    EXPECT_TRUE(run::is_lock_of("db", look)) << "a restarted operator takes it over from the pod";
    EXPECT_FALSE(run::is_lock_of("other", look));
}

TEST(StoragePlan, IsReadyWhenALookSucceeded) {
    Looked look;
    look.works({.free_bytes = 1 << 20, .total_bytes = 1 << 21});
    EXPECT_EQ(look.conditions(), "True/Ready True/Ready True/Ready");
    EXPECT_EQ(look.condition("ExclusiveCreate"), "True/ExclusiveCreateHeld");
    EXPECT_EQ(look.condition("Stalled"), "False/Completed");
    EXPECT_EQ(look.condition("Reconciling"), "False/Completed");
    EXPECT_EQ(look.storage.status.last_probe, kNow);
    EXPECT_EQ(look.storage.status.last_success, kNow);
    EXPECT_EQ(look.storage.status.found->total_bytes, 1 << 21);
    EXPECT_EQ(look.storage.status.display.free, "1.0 MiB");
    EXPECT_THAT(look.warnings(), IsEmpty());
    for (const auto& condition : look.storage.status.conditions) EXPECT_EQ(condition.observed_generation, 3);
}

TEST(StoragePlan, SaysWhatKindOfFailureItIs) {
    const auto conditions = [](Reason reason) { return Looked().fails(reason).conditions(); };
    EXPECT_EQ(conditions(Reason::kStorageUnreachable),
              "False/StorageUnreachable False/StorageUnreachable False/StorageUnreachable");
    EXPECT_EQ(conditions(Reason::kStorageAccessDenied),
              "False/StorageAccessDenied True/StorageAccessDenied False/StorageAccessDenied");
    EXPECT_EQ(conditions(Reason::kCredentialsNotFound),
              "False/CredentialsNotFound Unknown/CredentialsNotFound Unknown/CredentialsNotFound");
    const auto failed = Looked().fails(Reason::kBucketNotFound);
    EXPECT_EQ(failed.condition("Stalled"), "True/BucketNotFound");
    EXPECT_EQ(failed.condition("ExclusiveCreate"), "none");
    EXPECT_FALSE(failed.storage.status.last_success);
    EXPECT_EQ(failed.storage.status.last_probe, kNow);
}

TEST(StoragePlan, KeepsTheRepositoryThatItFoundFirst) {
    Looked look;
    EXPECT_EQ(look.works().storage.status.repository, "");
    look.repository = "first";
    EXPECT_EQ(look.works().storage.status.repository, "first");
    look.repository = "second";
    EXPECT_EQ(look.works().storage.status.repository, "first");
    look = {};
    look.repository = "of a full one";
    EXPECT_EQ(look.fails(Reason::kStorageFull).storage.status.repository, "of a full one");
}

TEST(StoragePlan, AStorageThatWorksButIsTheWrongOneIsNotReadyAndIsWritable) {
    for (const auto reason :
         {Reason::kStorageReplaced, Reason::kStorageNotInitialized, Reason::kArtifactNotSupported}) {
        Looked look;
        look.storage.status.repository = "first";
        look.works({.free_bytes = 7});
        look.sees(Outcome::kFailed, reason, StorageReport{.free_bytes = 9});
        const std::string name(to_string(reason));
        EXPECT_EQ(look.conditions(), "False/" + name + " True/" + name + " True/Ready");
        EXPECT_EQ(look.condition("Stalled"), "True/" + name);
        EXPECT_THAT(look.warnings(), ElementsAre(name));
        EXPECT_EQ(look.storage.status.repository, "first");
        EXPECT_EQ(look.storage.status.found->free_bytes, 7) << "of the last look that succeeded";
    }
}

TEST(StoragePlan, KnowsOfEveryReasonOfAStorageWhetherItAnswered) {
    for (const auto reason : base::all_reasons()) {
        const auto name = std::string(to_string(reason));
        const bool ours = (name.starts_with("Storage") || name.starts_with("Bucket") || name.starts_with("Claim")) &&
                          name != "StorageNotFound" && name != "StorageNotReady";
        if (!ours || reason == Reason::kStorageCredentialsInvalid) continue;  // Those never left the runner.
        EXPECT_NE(what_failed(reason), Failed::kUnknown) << name;
    }
    EXPECT_EQ(what_failed(Reason::kStorageCredentialsInvalid), Failed::kUnknown);
    EXPECT_EQ(what_failed(Reason::kUnschedulable), Failed::kUnknown);
    EXPECT_EQ(what_failed(Reason::kAttemptDeadlineExceeded), Failed::kToAnswer) << "a volume that hangs";
}

TEST(StoragePlan, TellsWhatTheStorageDoesNotDo) {
    Looked look;
    look.works({.exclusive_create = ExclusiveCreate::kIgnored, .keeps_versions = true});
    EXPECT_EQ(look.condition("ExclusiveCreate"), "False/ExclusiveCreateIgnored");
    EXPECT_EQ(look.condition("Ready"), "True/Ready") << "nothing rests on it";
    EXPECT_THAT(look.warnings(), ElementsAre("ExclusiveCreateIgnored"));
    EXPECT_THAT(api::find_condition(look.storage.status.conditions, "Ready")->message, HasSubstr("keeps versions"));
    look.works({.exclusive_create = ExclusiveCreate::kRefused});
    EXPECT_EQ(look.condition("ExclusiveCreate"), "False/ExclusiveCreateRefused");
    EXPECT_THAT(look.warnings(), IsEmpty()) << "it was told before";
    look.works({.locks_by_itself = true});
    EXPECT_THAT(api::find_condition(look.storage.status.conditions, "Ready")->message, HasSubstr("locks it by itself"));
}

TEST(StoragePlan, WarnsOfAnOddClock) {
    EXPECT_THAT(Looked().works({.clock_offset = minutes(5)}).warnings(), IsEmpty());
    for (const auto offset : {minutes(6), minutes(-6)}) {
        const auto look = Looked().works({.clock_offset = offset});
        EXPECT_THAT(look.warnings(), ElementsAre("StorageClockSkewed"));
        EXPECT_THAT(look.step.events[0].note, HasSubstr(offset > minutes(0) ? "360 s ahead of" : "360 s behind"));
    }
}

TEST(StoragePlan, WarnsWhenItTurnsBadAndNotAtEveryLook) {
    Looked look;
    look.works();
    EXPECT_THAT(look.fails(Reason::kStorageFull).warnings(), ElementsAre("StorageFull"));
    EXPECT_THAT(look.fails(Reason::kStorageFull).warnings(), IsEmpty());
    EXPECT_THAT(look.works().warnings(), IsEmpty());
}

TEST(StoragePlan, ALookUnderWayLeavesWhatIsKnown) {
    Looked look;
    look.waits(Reason::kPending);
    EXPECT_EQ(look.conditions(), "Unknown/Pending none none");
    EXPECT_EQ(look.condition("Reconciling"), "True/Pending");
    look.works({.free_bytes = 1});
    look.waits(Reason::kRunning);
    EXPECT_EQ(look.conditions(), "True/Ready True/Ready True/Ready");
    EXPECT_EQ(look.storage.status.found->free_bytes, 1);
    EXPECT_EQ(look.condition("Stalled"), "False/Running");
}

TEST(StoragePlan, AClaimThatGoesAwayIsToldAtOnce) {
    Looked look;
    look.storage = volume();
    look.works();
    look.waits(Reason::kClaimTerminating);
    EXPECT_EQ(look.conditions(), "False/ClaimTerminating False/ClaimTerminating False/ClaimTerminating");
    EXPECT_EQ(look.condition("Stalled"), "True/ClaimTerminating");
}

TEST(StoragePlan, ASuccessWithoutWhatWasFoundIsNoSuccess) {
    const auto look = Looked().sees(Outcome::kSucceeded, Reason::kCompleted);
    EXPECT_EQ(look.condition("Ready"), "False/Completed");
}

TEST(StoragePlan, LooksAgainWhenItIsTime) {
    Looked look;
    look.storage.spec.probe_interval = hours(1);
    const auto left = [&](std::chrono::milliseconds later, bool closed = false) {
        return until_probe(look.storage, closed, {.count = 2}, kNow + later);
    };
    EXPECT_EQ(left(seconds(0)), seconds(0)) << "nobody has looked yet";
    look.works();
    EXPECT_EQ(left(seconds(0)), hours(1));
    EXPECT_EQ(left(minutes(59)), minutes(1));
    EXPECT_EQ(left(hours(2)), seconds(0));
    EXPECT_EQ(left(seconds(0), true), seconds(0)) << "a look that waits at the gate tells why";
    look.storage.meta.generation = 4;
    EXPECT_EQ(left(seconds(0)), seconds(0)) << "the spec has changed";
    look.fails(Reason::kStorageFull);
    EXPECT_EQ(left(seconds(0)), minutes(10)) << "a repair shows soon";
    look.storage.spec.probe_interval = minutes(1);
    EXPECT_EQ(left(seconds(0)), minutes(1));
}

TEST(StoragePlan, LooksAgainSoonAsLongAsItsChainsAreNotShown) {
    Looked look;
    look.works();
    const auto left = [&](std::size_t shown) { return until_probe(look.storage, false, {.count = shown}, kNow); };
    EXPECT_EQ(look.condition("Catalogued"), "True/Ready");
    EXPECT_EQ(left(2), hours(24));
    EXPECT_EQ(left(3), hours(24)) << "a backup has begun another one since";
    EXPECT_EQ(left(1), minutes(10));
    look.listed = false;
    look.works();
    EXPECT_EQ(look.condition("Catalogued"), "False/Retrying");
    EXPECT_EQ(look.condition("Ready"), "True/Ready");
    EXPECT_EQ(left(2), minutes(10));
    look.storage.status.catalogue.reset();
    look.listed = true;
    EXPECT_EQ(left(0), minutes(10)) << "an older operator looked last";
}

TEST(StoragePlan, LooksAgainSoonWhenChainsHaveGone) {
    Looked look;
    look.works();
    const auto left = [&](std::chrono::milliseconds later) {
        return until_probe(look.storage, false, {.count = 2, .outdated = true}, kNow + later);
    };
    EXPECT_EQ(left(seconds(0)), minutes(1)) << "the next removal may follow at once, and one look tells of both";
    EXPECT_EQ(left(minutes(1)), seconds(0));
    look.listed = false;
    look.works();
    EXPECT_EQ(left(seconds(0)), minutes(10)) << "what can't be fetched is not asked for each minute";
}

TEST(StoragePlan, AttemptsGoOnCountingFromLookToLook) {
    StorageStatus status;
    status.run.attempts = {{.number = 7, .ended = kNow}};
    status.run.started = status.run.completed = kNow;
    const auto next = begun(status);
    EXPECT_EQ(next.run.first_attempt, 8);
    EXPECT_FALSE(next.run.finished());
    EXPECT_TRUE(run::unstarted(next.run));
}

TEST(StoragePlan, ALookNeverWaitsForEverNorBelongsToThePast) {
    auto storage = volume();
    storage.meta.restored = true;
    const auto owner = owner_of(storage);
    EXPECT_FALSE(owner.meta.restored);
    EXPECT_FALSE(owner.policy.wait);
    EXPECT_EQ(owner.kind, "Neo4jBackupStorage");
    EXPECT_EQ(owner.policy.lost_report, run::RunPolicy::LostReport::kNothing);
}

}  // namespace
}  // namespace n4b::storage
