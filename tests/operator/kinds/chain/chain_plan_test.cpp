#include "operator/kinds/chain/chain_plan.hpp"

#include <gtest/gtest.h>

#include "operator/kinds/chain/chain_runs.hpp"

namespace n4b::chain {
namespace {

using base::Reason;
using Act = ChainDecision::Act;
using contract::ChainRecord;

base::SystemTime at(int minutes) {
    return base::SystemTime(std::chrono::seconds(1'790'000'000) + std::chrono::minutes(minutes));
}

ChainRecord record(std::int64_t artifacts) {
    return {.source = "prod",
            .database = "graph.db",
            .chain = "20261122T215049Z-3f9c21",
            .tip = "tip-" + std::to_string(artifacts),
            .artifacts = artifacts,
            .store_id = "s",
            .earliest_restorable = 9,
            .highest_transaction = 10 * artifacts,
            .stored_bytes = 100 * artifacts,
            .restorable_from = at(-100),
            .recoverable_to = at(-90),
            .current_at = at(-80)};
}

/// A chain's object, and what looks and runs tell, each in minutes.
struct Case {
    std::optional<Chain> known{};
    storage::Storage storage{.meta = {.object_namespace = "db", .name = "main", .uid = "u"}};
    std::optional<kinds::ListedChains> listed{};
    ToldByRuns runs{};

    Case& shows(std::int64_t artifacts, int observed) {
        known = Chain{.meta = {.object_namespace = "db", .name = "c", .uid = "x"},
                      .status = {.record = record(artifacts), .observed = at(observed)}};
        return *this;
    }
    /// A look before the operator started anew: only the storage's status tells of it.
    Case& looked_before(int begun) {
        storage.status.catalogue = storage::FoundBackups{.time = at(begun), .chains = 1};
        return *this;
    }
    Case& look(int begun, std::int64_t artifacts) {
        listed = kinds::ListedChains{.begun = at(begun)};
        if (artifacts > 0) listed->chains["c"] = record(artifacts);
        return *this;
    }
    Case& run(int ended, std::int64_t artifacts) {
        auto stored = record(artifacts);
        stored.restorable_from.reset();
        stored.current_at = at(ended);
        runs.stored = ToldByRuns::Stored{.ended = at(ended), .record = stored};
        return *this;
    }
    [[nodiscard]] ChainDecision decide() const {
        return chain::decide({.name = "c",
                              .known = known ? &*known : nullptr,
                              .storage = &storage,
                              .listed = listed ? &*listed : nullptr,
                              .runs = runs});
    }
    /// How many artifacts are shown; 0: the object goes; -1: it is left as it is.
    [[nodiscard]] std::int64_t shown() const {
        const auto decision = decide();
        if (decision.act == Act::kShow) return decision.record.artifacts;
        return decision.act == Act::kRemove ? 0 : -1;
    }
};

TEST(ChainPlan, ShowsWhatALookFound) {
    EXPECT_EQ(Case{}.look(0, 3).shown(), 3);
    EXPECT_EQ(Case{}.shows(2, -9).look(0, 3).shown(), 3);
    EXPECT_EQ(Case{}.shows(2, -9).look(0, 1).shown(), 1) << "the end of a chain may be deleted";
}

TEST(ChainPlan, AChainThatALookDidNotFindGoes) {
    EXPECT_EQ(Case{}.shows(2, -9).look(0, 0).shown(), 0);
    EXPECT_EQ(Case{}.look(0, 0).shown(), -1);
    auto part = Case{}.shows(2, -9).look(0, 0);
    part.listed->all = false;
    EXPECT_EQ(part.shown(), 2) << "the look had no room for all chains";
}

TEST(ChainPlan, ARunThatEndedAfterALookBeganCounts) {
    EXPECT_EQ(Case{}.look(0, 3).run(1, 4).shown(), 4);
    EXPECT_EQ(Case{}.shows(3, -9).look(0, 3).run(1, 4).shown(), 4);
    EXPECT_EQ(Case{}.look(0, 0).run(1, 1).shown(), 1) << "a chain that began while it looked";
    EXPECT_EQ(Case{}.shows(1, -9).look(0, 0).run(1, 1).shown(), 1);
    EXPECT_EQ(Case{}.run(1, 1).shown(), 1) << "nobody has looked yet";
}

TEST(ChainPlan, ARunThatEndedBeforeALookDoesNot) {
    EXPECT_EQ(Case{}.shows(3, -9).look(0, 0).run(-1, 3).shown(), 0) << "its chain has been deleted";
    EXPECT_EQ(Case{}.looked_before(0).run(-1, 1).shown(), -1);
    EXPECT_EQ(Case{}.looked_before(0).run(1, 1).shown(), 1);
    EXPECT_EQ(Case{}.shows(3, -9).looked_before(0).run(-1, 3).shown(), 3) << "what is shown stays until a look";
}

TEST(ChainPlan, AChainNeverGoesBackByWhatARunTells) {
    EXPECT_EQ(Case{}.look(0, 5).run(1, 4).shown(), 5);
    EXPECT_EQ(Case{}.shows(5, 2).look(0, 4).run(1, 4).shown(), 5);
}

TEST(ChainPlan, WhatALaterRunWroteStaysWhenNobodyRemembersTheRun) {
    EXPECT_EQ(Case{}.shows(4, 1).look(0, 3).shown(), 4);
    EXPECT_EQ(Case{}.shows(1, 1).look(0, 0).shown(), 1);
    EXPECT_EQ(Case{}.shows(4, 1).look(2, 3).shown(), 3);
}

TEST(ChainPlan, ALookOfAnotherOperatorOutdatesOurs) {
    EXPECT_EQ(Case{}.looked_before(5).look(0, 3).shown(), -1) << "the other one found that it is gone, and removed it";
    EXPECT_EQ(Case{}.shows(4, 5).looked_before(5).look(0, 0).shown(), 4) << "the other one shows it";
    EXPECT_EQ(Case{}.looked_before(5).look(5, 3).shown(), 3) << "it is our own";
}

TEST(ChainPlan, DamageThatALookFoundIsShownWhateverRunsTell) {
    auto damaged = Case{}.shows(4, 1).look(0, 4);
    damaged.listed->chains["c"].reason = Reason::kArtifactDamaged;
    EXPECT_EQ(damaged.decide().record.reason, Reason::kArtifactDamaged);
    damaged.run(1, 4);
    EXPECT_EQ(damaged.decide().record.reason, Reason::kArtifactDamaged);
}

TEST(ChainPlan, AnIncrementKeepsWhatOnlyTheFullTells) {
    const auto decision = Case{}.look(0, 3).run(1, 4).decide();
    EXPECT_EQ(decision.record.restorable_from, at(-100));
    EXPECT_EQ(decision.record.tip, "tip-4");
    EXPECT_EQ(decision.record.current_at, at(1));
    EXPECT_EQ(decision.observed, at(1));
}

TEST(ChainPlan, ABackupThatFoundNothingNewMovesTheTimeOnly) {
    auto quiet = Case{}.look(0, 3);
    quiet.runs.nothing_new = ToldByRuns::NothingNew{.transaction = 30, .current_at = at(7)};
    EXPECT_EQ(quiet.decide().record.current_at, at(7));
    EXPECT_EQ(quiet.shown(), 3);
    quiet.runs.nothing_new->transaction = 20;
    EXPECT_EQ(quiet.decide().record.current_at, at(-80));
}

TEST(ChainPlan, AnObjectOfAnotherChainOfThatNameIsLeftAlone) {
    auto other = Case{}.shows(2, -9).look(0, 3);
    other.known->status.record.source = "copied";
    EXPECT_EQ(other.shown(), -1);
}

TEST(ChainPlan, NothingIsShownOfAStorageThatGoes) {
    auto gone = Case{}.look(0, 3);
    gone.storage.meta.deleted = at(0);
    EXPECT_EQ(gone.shown(), -1);
}

TEST(ChainStatus, ThatSaysTheSameIsNotWrittenForALaterLook) {
    Chain chain{.meta = {.generation = 1}};
    const auto first = status_showing(chain, record(3), at(0), at(0));
    EXPECT_EQ(first.observed, at(0));
    EXPECT_EQ(api::find_condition(first.conditions, "Ready")->status, "True");
    chain.status = first;
    EXPECT_EQ(status_showing(chain, record(3), at(60), at(60)), first);
    EXPECT_EQ(status_showing(chain, record(4), at(60), at(60)).observed, at(60));
}

TEST(ChainStatus, ComesBackAsItWasWritten) {
    Chain chain{.meta = {.generation = 1}};
    auto damaged = record(3);
    damaged.reason = Reason::kArtifactDamaged;
    damaged.message = "a head is cut";
    chain.status = status_showing(chain, damaged, at(0), at(0));
    EXPECT_EQ(api::find_condition(chain.status.conditions, "Ready")->reason, "ArtifactDamaged");
    EXPECT_EQ(status_showing(chain, damaged, at(1), at(1)), chain.status);
}

backup::Backup finished(std::int64_t sequence, int ended) {
    backup::Backup backup{.meta = {.object_namespace = "db", .name = "b"}, .spec = {.storage = "main"}};
    backup.status.run.completed = at(ended);
    backup.status.conditions = {{.type = "Succeeded", .status = "True"}};
    backup.status.artifact = contract::ArtifactReport{.database = "graph.db",
                                                      .chain = "20261122T215049Z-3f9c21",
                                                      .sequence = sequence,
                                                      .artifact = "tip",
                                                      .location = "prod/graph.db/heads/tip.json",
                                                      .highest_transaction = 10};
    return backup;
}

TEST(ChainRuns, RememberTheFurthestOfAChain) {
    constexpr char kKey[] = "db/main-20261122t215049z-3f9c21";
    ChainRuns runs;
    EXPECT_EQ(runs.learn(finished(1, 10)), kKey);
    runs.learn(finished(0, 5));
    EXPECT_EQ(runs.told(kKey).stored->record.artifacts, 2);
    EXPECT_EQ(runs.told(kKey).stored->record.source, "prod");
    EXPECT_EQ(runs.told(kKey).storage, "main");
    auto quiet = finished(0, 20);
    quiet.status.artifact.reset();
    quiet.status.up_to_date =
        contract::UpToDateReport{.chain = "20261122T215049Z-3f9c21", .transaction = 10, .current_at = at(20)};
    EXPECT_EQ(runs.learn(quiet), kKey);
    EXPECT_EQ(runs.told(kKey).nothing_new->current_at, at(20));
    EXPECT_EQ(runs.told(kKey).stored->record.artifacts, 2);
}

TEST(ChainRuns, LearnNothingFromABackupThatFailed) {
    ChainRuns runs;
    auto failed = finished(1, 10);
    failed.status.conditions[0].status = "False";
    EXPECT_EQ(runs.learn(failed), "");
}

}  // namespace
}  // namespace n4b::chain
