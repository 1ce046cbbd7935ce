#include "backup-runner/engine/pruning.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/backup-runner/engine/chains_in_memory.hpp"

namespace n4b::engine {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A bucket with three fulls, each of a day.
class PruningTest : public ChainsInMemory {
protected:
    PruningTest() {
        store(kFirst, 1);
        store(kSecond, 2);
        store(kThird, 3);
    }

    format::Head head(const std::string& chain, int day) const {
        auto head = full_of(chain);
        const auto time = base::SystemTime(std::chrono::seconds(1'795'643'449)) + hours(24 * day);
        for (auto* point : {&head.transactions->highest.point, &head.transactions->earliest_restorable})
            *point = {.id = 10 * std::abs(day), .time = time, .checksum = 1};
        head.transactions->lowest.id = 10 * std::abs(day);
        return head;
    }
    void store(const std::string& chain, int day) { store_full(head(chain, day)); }
    [[nodiscard]] Artifact artifact(const std::string& chain, int day) const {
        Artifact artifact;
        artifact.head = head(chain, day);
        artifact.key = layout_.head(format::name_of(artifact.head));
        return artifact;
    }
    PruneWish wish(int last) const {
        return {.source = "prod",
                .database = "graph.db",
                .rules = {.last = last},
                .zone = calendar::TimeZone::find("UTC").value(),
                .run = {.uid = "prune", .attempt = 1},
                .repository = "here"};
    }
    std::vector<std::string> going(const PruneWish& wish) {
        const auto plan = plan_pruning(store_, wish, {});
        EXPECT_TRUE(plan) << plan.error().message;
        std::vector<std::string> chains;
        for (const auto& verdict : plan.value_or(retention::Plan{}).verdicts)
            if (!verdict.stays()) chains.push_back(verdict.chain);
        return chains;
    }
    std::vector<std::string> pruned(const PruneWish& wish) {
        std::vector<std::string> chains;
        const auto plan = plan_pruning(store_, wish, {});
        EXPECT_TRUE(plan) << plan.error().message;
        const auto done = prune(store_, wish, *plan,
                                [&](const PrunedChain& pruned) {
                                    EXPECT_TRUE(pruned.removal) << pruned.removal.error().message;
                                    if (pruned.removal && pruned.removal->state == RemovalState::kRemoved)
                                        chains.push_back(pruned.chain);
                                },
                                {});
        EXPECT_TRUE(done) << done.error().message;
        return chains;
    }
    [[nodiscard]] bool is_there(const std::string& chain, int day) const {
        const auto made = head(chain, day);
        const auto objects = store_.objects();
        const bool has_head = objects.contains(layout_.head(format::name_of(made)));
        EXPECT_EQ(has_head, objects.contains(layout_.blocks(made.name) + format::block_name(1)));
        return has_head;
    }
    /// As a run of some time ago did that was killed then.
    void close(const std::string& chain, hours ago) {
        const format::FactName fact{.chain = chain,
                                    .fact = std::string(kClosedFact),
                                    .time = std::chrono::floor<std::chrono::seconds>(store_.now({}).value()) - ago,
                                    .run = {.uid = "dead", .attempt = 1}};
        write(layout_.fact(fact), "{}");
        write(layout_.closed(chain), format::print_closed());
    }
    [[nodiscard]] bool is_closed(const std::string& chain) const {
        return store_.objects().contains(layout_.closed(chain));
    }
    /// What was told of each chain.
    std::map<std::string, ChainRemoval> prune_all(const PruneWish& wish) {
        std::map<std::string, ChainRemoval> told;
        const auto plan = plan_pruning(store_, wish, {});
        EXPECT_TRUE(plan) << plan.error().message;
        const auto done = prune(store_, wish, plan.value_or(retention::Plan{}),
                                [&](const PrunedChain& pruned) {
                                    EXPECT_TRUE(pruned.removal) << pruned.removal.error().message;
                                    told[pruned.chain] = pruned.removal.value_or(ChainRemoval{});
                                },
                                {});
        EXPECT_TRUE(done) << done.error().message;
        return told;
    }
    void hold(const std::string& chain) {
        write(layout_.hold(chain, "legal").value(), format::print_hold({.expires = std::nullopt}));
    }
};

TEST_F(PruningTest, RemovesWhatTheRulesDoNotKeep) {
    EXPECT_THAT(going(wish(2)), ElementsAre(kFirst));
    EXPECT_THAT(pruned(wish(1)), ElementsAre(kFirst, kSecond)) << "the oldest first";
    EXPECT_FALSE(is_there(kFirst, 1));
    EXPECT_FALSE(is_there(kSecond, 2));
    EXPECT_TRUE(is_there(kThird, 3));
    EXPECT_THAT(pruned(wish(1)), IsEmpty()) << "nothing is told twice";
}

TEST_F(PruningTest, AHoldStandsForAChainThatWouldHaveBeenKept) {
    hold(kFirst);
    EXPECT_THAT(pruned(wish(1)), ElementsAre(kSecond));
    EXPECT_TRUE(is_there(kFirst, 1));
    EXPECT_TRUE(is_there(kThird, 3));
}

TEST_F(PruningTest, AChainThatNobodyVerifiedPushesOutNoneThatWas) {
    const auto first = artifact(kFirst, 1);
    ASSERT_TRUE(keep_proof(store_, first, {.level = contract::VerifyLevel::kChain, .at = store_.now({}).value()},
                           {.uid = "check", .attempt = 1}, {}));
    EXPECT_THAT(going(wish(1)), ElementsAre(kSecond));
}

TEST_F(PruningTest, ADamagedChainCountsForNoRule) {
    const auto third = artifact(kThird, 3);
    ASSERT_TRUE(mark_damaged(store_, third, {.uid = "check", .attempt = 1}, "a block is gone", {}));
    EXPECT_THAT(pruned(wish(1)), ElementsAre(kFirst)) << "the newest that can be restored is the second";
    EXPECT_TRUE(is_there(kSecond, 2));
    EXPECT_TRUE(is_there(kThird, 3)) << "it may hold what somebody can save";
}

TEST_F(PruningTest, AChainThatADeadRunClosedIsOpenedAgainWhereTheRulesKeepIt) {
    close(kFirst, hours(24 * 8));
    EXPECT_THAT(going(wish(9)), IsEmpty());
    const auto told = prune_all(wish(9));
    EXPECT_THAT(told.at(kFirst).detail, HasSubstr("is open again"));
    EXPECT_EQ(told.at(kFirst).state, RemovalState::kHeld);
    EXPECT_TRUE(is_there(kFirst, 1));
    EXPECT_FALSE(is_closed(kFirst));
    EXPECT_THAT(prune_all(wish(9)), IsEmpty()) << "it is a chain like any other";
}

TEST_F(PruningTest, AClosedChainGoesWhereTheRulesLetItGo) {
    close(kFirst, hours(0));
    EXPECT_THAT(going(wish(2)), ElementsAre(kFirst));
    EXPECT_THAT(pruned(wish(2)), ElementsAre(kFirst));
    EXPECT_FALSE(is_there(kFirst, 1));
}

TEST_F(PruningTest, AClosedChainThatBecameTheNewestIsKept) {
    close(kSecond, hours(24 * 8));
    const auto third = artifact(kThird, 3);
    ASSERT_TRUE(mark_damaged(store_, third, {.uid = "check", .attempt = 1}, "a block is gone", {}));
    EXPECT_THAT(pruned(wish(1)), IsEmpty());
    EXPECT_FALSE(is_closed(kSecond));
    EXPECT_TRUE(is_there(kSecond, 2));
    EXPECT_THAT(pruned(wish(1)), ElementsAre(kFirst)) << "as long as it was closed it took nobody's place";
}

TEST_F(PruningTest, AChainThatAnotherRunMayBeRemovingStaysClosedForAnHour) {
    close(kFirst, hours(2));
    const auto early = prune_all(wish(9)).at(kFirst);
    EXPECT_EQ(early.state, RemovalState::kHeld);
    EXPECT_THAT(early.detail, HasSubstr("another run may be removing it"));
    ASSERT_TRUE(early.wait_until);
    EXPECT_LE(*early.wait_until, store_.now({}).value() + hours(1));
    EXPECT_TRUE(is_closed(kFirst));
    EXPECT_TRUE(is_there(kFirst, 1));
    EXPECT_THAT(pruned(wish(1)), ElementsAre(kSecond)) << "a run by other rules finds the hold";
    store_.let_pass(hours(1) + std::chrono::seconds(2));
    EXPECT_THAT(prune_all(wish(9)).at(kFirst).detail, HasSubstr("is open again"));
    EXPECT_FALSE(is_closed(kFirst));
    store_.let_pass(hours(50));
    EXPECT_THAT(pruned(wish(1)), ElementsAre(kFirst)) << "the hold was for two days";
}

TEST_F(PruningTest, AClosedChainOfWhichThePlanSaysNothingStaysAsItIs) {
    close(kFirst, hours(24 * 8));
    const auto before = store_.objects();
    const auto done = prune(store_, wish(9), {}, [](const PrunedChain&) { ADD_FAILURE(); }, {});
    EXPECT_TRUE(done);
    EXPECT_EQ(store_.objects(), before);
}

TEST_F(PruningTest, AClosedChainOfAnotherScheduleStaysAsItIs) {
    close(kFirst, hours(24 * 8));
    auto of_schedule = wish(1);
    of_schedule.made_by = ScheduleName{.name_space = "elsewhere", .name = "nightly"};
    const auto before = store_.objects();
    EXPECT_THAT(prune_all(of_schedule), IsEmpty());
    EXPECT_EQ(store_.objects(), before);
}

TEST_F(PruningTest, GoesOnWithARemovalThatHadBegun) {
    close(kFirst, hours(0));
    ASSERT_TRUE(store_.remove(layout_.head(format::name_of(head(kFirst, 1))), {}));
    EXPECT_THAT(going(wish(9)), IsEmpty());
    // All chains would stay.
    EXPECT_THAT(pruned(wish(9)), ElementsAre(kFirst));
    EXPECT_FALSE(is_there(kFirst, 1));
    EXPECT_TRUE(is_there(kSecond, 2));
}

/// Can't do anything with some objects.
class BrokenStore final : public object_store::ForwardingStore {
public:
    BrokenStore(object_store::ObjectStore& inner, std::string part) : ForwardingStore(inner), part_(std::move(part)) {}
    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override {
        if (is_broken(key)) return broken();
        return inner_.get(key, offset, into, call);
    }
    base::Result<object_store::ObjectInfo> stat(std::string_view key, const object_store::Call& call) override {
        if (is_broken(key)) return broken();
        return inner_.stat(key, call);
    }
    base::Result<object_store::Removal> remove(std::string_view key, const object_store::Call& call) override {
        if (is_broken(key)) return broken();
        return inner_.remove(key, call);
    }

private:
    [[nodiscard]] bool is_broken(std::string_view key) const { return key.find(part_) != std::string_view::npos; }
    static tl::unexpected<base::Error> broken() {
        return base::fail(base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable, "input/output error");
    }
    const std::string part_;
};

TEST_F(PruningTest, AHoldThatCannotBeReadKeepsItsChainAndNoOther) {
    hold(kFirst);
    BrokenStore broken(store_, layout_.holds(kFirst));
    ::testing::internal::CaptureStderr();
    const auto plan = plan_pruning(broken, wish(1), {});
    const auto said = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(plan) << plan.error().message;
    for (const auto& verdict : plan->verdicts) EXPECT_EQ(verdict.stays(), verdict.chain != kSecond) << verdict.chain;
    EXPECT_THAT(said, HasSubstr("since it can't be read: input/output error"));
    std::vector<std::string> removed;
    EXPECT_TRUE(prune(broken, wish(1), *plan, [&](const auto& pruned) { removed.push_back(pruned.chain); }, {}));
    EXPECT_THAT(removed, ElementsAre(kSecond));
}

TEST_F(PruningTest, AnObjectThatCannotBeRemovedHoldsUpNoOtherChain) {
    const auto plan = plan_pruning(store_, wish(1), {});
    ASSERT_TRUE(plan);
    BrokenStore broken(store_, layout_.heads() + kFirst);
    std::vector<std::string> removed;
    std::vector<std::string> failed;
    const auto done =
        prune(broken, wish(1), *plan,
              [&](const PrunedChain& pruned) { (pruned.removal ? removed : failed).push_back(pruned.chain); }, {});
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_THAT(failed, ElementsAre(kFirst));
    EXPECT_THAT(removed, ElementsAre(kSecond));
}

TEST_F(PruningTest, ARemovalThatCannotBeLookedAtHoldsUpNoOther) {
    close(kFirst, hours(0));
    const auto plan = plan_pruning(store_, wish(1), {});
    ASSERT_TRUE(plan);
    BrokenStore broken(store_, layout_.closed(kFirst));
    std::vector<std::string> removed;
    const auto done = prune(broken, wish(1), *plan,
                            [&](const PrunedChain& pruned) {
                                if (pruned.removal) removed.push_back(pruned.chain);
                            },
                            {});
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_THAT(removed, ElementsAre(kSecond));
}

TEST_F(PruningTest, ARemovalThatDiedBeforeItClosedTheChainDecidesNothing) {
    const format::FactName fact{
        .chain = kFirst, .fact = std::string(kClosedFact), .time = {}, .run = {.uid = "prune", .attempt = 1}};
    write(layout_.fact(fact), "{}");
    EXPECT_THAT(pruned(wish(9)), IsEmpty());
    EXPECT_TRUE(is_there(kFirst, 1));
}

TEST_F(PruningTest, TheSourcesClockPushesNothingOut) {
    constexpr char kFourth[] = "20261124T215049Z-000004";
    store(kFourth, -300);
    EXPECT_THAT(going(wish(1)), ElementsAre(kSecond, kFirst))
        << "increments go on from the fourth, after the source was set back; the third has the latest commit";
}

TEST_F(PruningTest, ARemovalThatDiedLongAgoIsFinished) {
    const format::FactName fact{
        .chain = kFirst, .fact = std::string(kClosedFact), .time = {}, .run = {.uid = "dead", .attempt = 1}};
    write(layout_.fact(fact), "{}");
    write(layout_.closed(kFirst), format::print_closed());
    ASSERT_TRUE(store_.remove(layout_.head(format::name_of(head(kFirst, 1))), {}));
    EXPECT_THAT(pruned(wish(9)), ElementsAre(kFirst));
    const auto left = [&] {
        return std::ranges::count_if(store_.objects(),
                                     [](const auto& object) { return object.first.find(kFirst) != std::string::npos; });
    };
    EXPECT_EQ(left(), 2) << "closed.json and the word that this run removed it";
    store_.let_pass(hours(24 * 31));
    EXPECT_THAT(pruned(wish(9)), IsEmpty());
    EXPECT_EQ(left(), 0);
}

TEST_F(PruningTest, WhatIsFoundDamagedMeanwhileLetsNoOtherGo) {
    const auto wanted = wish(1);
    const auto plan = plan_pruning(store_, wanted, {});
    ASSERT_TRUE(plan) << plan.error().message;
    std::vector<std::pair<std::string, RemovalState>> told;
    const auto done = prune(store_, wanted, *plan,
                            [&](const PrunedChain& pruned) {
                                ASSERT_TRUE(pruned.removal) << pruned.removal.error().message;
                                told.emplace_back(pruned.chain, pruned.removal->state);
                                // Somebody verifies the newest while the oldest is removed.
                                if (told.size() > 1) return;
                                ASSERT_TRUE(mark_damaged(store_, artifact(kThird, 3), {.uid = "check", .attempt = 1},
                                                         "a block is gone", {}));
                            },
                            {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_THAT(told, ElementsAre(std::pair(std::string(kFirst), RemovalState::kRemoved),
                                  std::pair(std::string(kSecond), RemovalState::kHeld)));
    EXPECT_TRUE(is_there(kSecond, 2)) << "the newest that can be restored by now";
}

TEST_F(PruningTest, WithoutRulesEverythingStays) {
    auto nothing = wish(0);
    EXPECT_THAT(going(nothing), IsEmpty());
}

}  // namespace
}  // namespace n4b::engine
