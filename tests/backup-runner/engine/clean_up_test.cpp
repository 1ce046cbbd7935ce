#include "backup-runner/engine/clean_up.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/leftovers.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MemoryStore;

/// A bucket with what backups left in it.
class CleanUpTest : public ::testing::Test {
protected:
    static format::ArtifactName artifact(const std::string& uid, std::int64_t attempt, int chain = 0) {
        // In the order of their numbers, and all of a few minutes ago.
        const auto start = base::RealClock().system_now() - hours(1) + std::chrono::seconds(chain);
        return {.chain = archive::chain_name(start, static_cast<std::uint32_t>(chain)), .run = {uid, attempt}};
    }
    void put(MemoryStore& store, const std::string& key, const std::string& text) {
        ASSERT_TRUE(store.put(key, std::as_bytes(std::span(text)), {}));
    }
    /// What a killed attempt leaves that may write for another hour.
    format::ArtifactName leave(MemoryStore& store, const format::ArtifactName& name, int blocks = 3,
                               const std::string& repository = "here") {
        const auto deadline = std::chrono::floor<std::chrono::seconds>(store.now({}).value()) + hours(1);
        put(store, layout_.intent(name, deadline),
            format::print_intent({.repository = repository, .run = name.run, .deadline = deadline}));
        for (int i = 1; i <= blocks; ++i) put(store, layout_.blocks(name) + format::block_name(i), "0123456789");
        return name;
    }
    void finish(MemoryStore& store, const format::ArtifactName& name) { put(store, layout_.head({name, 9}), "{"); }
    void mark(MemoryStore& store, const format::ArtifactName& name) {
        put(store, layout_.mark(name), format::print_mark({name, 9}));
    }
    CleanedUp clean(MemoryStore& store, const std::string& uid = "me", std::int64_t attempt = 2) {
        return clean_up(store, layout_, {.run = {uid, attempt}, .repository = "here"}, {});
    }
    /// All keys, below the database.
    static std::vector<std::string> keys(const MemoryStore& store) {
        std::vector<std::string> keys;
        for (const auto& [key, bytes] : store.objects()) keys.push_back(key);
        return keys;
    }

    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
    MemoryStore store_;
};

TEST_F(CleanUpTest, TakesTheBlocksOfEarlierAttemptsOfTheRunAtOnce) {
    leave(store_, artifact("me", 1), 3);
    const auto cleaned = clean(store_);
    EXPECT_EQ(cleaned.artifacts, 1);
    EXPECT_EQ(cleaned.bytes, 30);
    EXPECT_EQ(cleaned.trouble, "");
    // Who died may have sent a head that still arrives: it must not count.
    EXPECT_THAT(keys(store_), ElementsAre(EndsWith("-me-1/abandoned.json"), HasSubstr("-me-1/intent-")));
    const auto again = clean(store_);
    EXPECT_EQ(again.artifacts, 0);
    store_.let_pass(hours(26));
    EXPECT_EQ(clean(store_, "other").artifacts, 0) << "markers are nothing to tell of";
    EXPECT_THAT(keys(store_), IsEmpty());
}

TEST_F(CleanUpTest, TakesWhatADeadlineHasPassedForAndLeavesTheRest) {
    leave(store_, artifact("old", 1), 2);
    store_.let_pass(hours(30));
    const auto young = leave(store_, artifact("young", 1, 1));
    const auto later = leave(store_, artifact("me", 2, 2));
    finish(store_, leave(store_, artifact("done", 1, 3)));
    const auto before = keys(store_).size();
    const auto cleaned = clean(store_);
    EXPECT_EQ(cleaned.artifacts, 1);
    EXPECT_GT(cleaned.bytes, 20) << "the intent counts as well";
    EXPECT_EQ(keys(store_).size(), before - 3);
    EXPECT_THAT(keys(store_), Each(::testing::Not(HasSubstr("-old-1/"))));
}

TEST_F(CleanUpTest, WaitsForTheMarginOfClocksAndForADayOfQuiet) {
    leave(store_, artifact("old", 1));
    store_.let_pass(hours(1) + minutes(59));
    EXPECT_EQ(clean(store_).artifacts, 0) << "within the margin";
    store_.let_pass(hours(21));
    EXPECT_EQ(clean(store_).artifacts, 0) << "a copy of a repository may bring its head yet";
    store_.let_pass(hours(2));
    EXPECT_EQ(clean(store_).artifacts, 1);
}

TEST_F(CleanUpTest, LeavesWhatComesFromAnotherRepository) {
    leave(store_, artifact("copied", 1), 3, "there");
    leave(store_, artifact("me", 1, 1), 3, "there");
    store_.let_pass(hours(30));
    const auto before = keys(store_);
    EXPECT_EQ(clean(store_).artifacts, 0);
    EXPECT_EQ(keys(store_), before);
}

TEST_F(CleanUpTest, LeavesAChainWithAHeadOfALaterRunner) {
    const auto name = leave(store_, artifact("me", 1));
    put(store_, layout_.heads() + name.chain + "-of-another-form.json", "?");
    store_.let_pass(hours(30));
    const auto before = keys(store_);
    EXPECT_EQ(clean(store_).artifacts, 0);
    EXPECT_EQ(keys(store_), before);
}

TEST_F(CleanUpTest, SaysNothingOfHeadsThatAreGoneWithTheirChain) {
    const auto name = leave(store_, artifact("old", 1));
    mark(store_, name);
    EXPECT_THAT(clean(store_).trouble, HasSubstr("were heads moved away?"));
    put(store_, layout_.closed(name.chain), "{}");
    const auto before = keys(store_);
    EXPECT_EQ(clean(store_).trouble, "");
    EXPECT_EQ(keys(store_), before) << "whoever removes the chain goes on with it";
}

TEST_F(CleanUpTest, AHeadThatAppearsLateWins) {
    const auto name = leave(store_, artifact("me", 1));
    store_.on_list = [&] {
        if (store_.objects().contains(layout_.abandoned(name))) finish(store_, name);
    };
    EXPECT_EQ(clean(store_).artifacts, 0);
    EXPECT_FALSE(store_.objects().contains(layout_.abandoned(name)));
    EXPECT_EQ(keys(store_).size(), 5U) << "a head, an intent and three blocks";
}

TEST_F(CleanUpTest, LeavesWhatSomebodyElseHasJustBegunToCleanAway) {
    const auto name = leave(store_, artifact("me", 1));
    put(store_, layout_.abandoned(name), format::print_abandoned());
    EXPECT_EQ(clean(store_).artifacts, 0) << "it may be about to take abandoned.json back";
    store_.let_pass(minutes(3));
    EXPECT_EQ(clean(store_, "another").artifacts, 1);
    EXPECT_EQ(keys(store_).size(), 2U);
}

TEST_F(CleanUpTest, TakesUpWhatADeadOneLeftOfMarkers) {
    const auto name = artifact("old", 1);
    put(store_, layout_.abandoned(name), format::print_abandoned());
    store_.let_pass(minutes(3));
    (void)clean(store_);
    EXPECT_THAT(keys(store_), IsEmpty());
}

TEST_F(CleanUpTest, LeavesWhatHasNoIntentAndWhatHasABadOne) {
    put(store_, layout_.blocks(artifact("me", 1)) + "00000001", "x");
    const auto bad = leave(store_, artifact("me", 1, 1));
    for (const auto& key : keys(store_)) {
        if (key.find("intent") != std::string::npos) put(store_, key, "{");
    }
    leave(store_, artifact("me", 1, 2));
    const auto cleaned = clean(store_);
    EXPECT_EQ(cleaned.artifacts, 1) << "one that can't be understood hides none of the others";
    EXPECT_THAT(cleaned.trouble, HasSubstr(bad.chain));
    EXPECT_FALSE(store_.objects().contains(layout_.abandoned(bad)));
}

/// Can't read one object, as a disk with a bad sector.
class BadSectorStore final : public object_store::ForwardingStore {
public:
    BadSectorStore(object_store::ObjectStore& inner, std::string part)
        : ForwardingStore(inner), part_(std::move(part)) {}
    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override {
        if (key.find(part_) == std::string_view::npos) return inner_.get(key, offset, into, call);
        return base::fail(base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable, "input/output error");
    }

private:
    const std::string part_;
};

TEST_F(CleanUpTest, AnIntentThatCannotBeReadHidesNoneOfTheOthers) {
    const auto bad = leave(store_, artifact("me", 1));
    leave(store_, artifact("me", 1, 1));
    BadSectorStore broken(store_, layout_.artifact(bad) + "intent-");
    const auto cleaned = clean_up(broken, layout_, {.run = {"me", 2}, .repository = "here"}, {});
    EXPECT_EQ(cleaned.artifacts, 1);
    EXPECT_THAT(cleaned.trouble, HasSubstr("input/output error"));
    EXPECT_FALSE(store_.objects().contains(layout_.abandoned(bad)));
}

TEST_F(CleanUpTest, SparesWhatWasFinishedWhereItsHeadIsMissing) {
    for (int i = 0; i < 11; ++i) mark(store_, leave(store_, artifact("other", 1, i)));
    mark(store_, leave(store_, artifact("me", 1, 11)));
    const auto before = keys(store_);
    store_.let_pass(hours(30));
    for (int night = 0; night < 3; ++night) {
        const auto cleaned = clean(store_);
        EXPECT_EQ(cleaned.artifacts, 0);
        EXPECT_THAT(cleaned.trouble, HasSubstr("12 finished backups have no head"));
        EXPECT_THAT(cleaned.trouble, HasSubstr("were heads moved away?"));
        EXPECT_EQ(keys(store_).size(), before.size() + static_cast<std::size_t>(night));
        finish(store_, artifact("done", 1, 30 + night));  // As the backup of that night does.
    }
}

TEST_F(CleanUpTest, SparesWhatIsBeingCopiedHere) {
    const auto name = leave(store_, artifact("copied", 1));
    mark(store_, name);
    store_.let_pass(hours(240));
    EXPECT_EQ(clean(store_).artifacts, 0) << "a large copy takes days, and brings heads last";
    EXPECT_EQ(keys(store_).size(), 5U);
    finish(store_, name);
    EXPECT_EQ(clean(store_).trouble, "");
}

TEST_F(CleanUpTest, WhatFinishesDuringTheWalkIsNotToldAsLost) {
    const auto name = leave(store_, artifact("old", 1));
    int lists = 0;
    store_.on_list = [&] {
        // The heads have been read by then.
        if (++lists == 3) finish(store_, name);
    };
    mark(store_, name);
    EXPECT_EQ(clean(store_).trouble, "");
}

TEST_F(CleanUpTest, TakesItsMarkBackWhenItCannotLookForTheHead) {
    const auto name = leave(store_, artifact("me", 1));
    store_.on_list = [&] {
        // The storage goes away right then; the head that is there must count once it is back.
        if (!store_.objects().contains(layout_.abandoned(name))) return;
        store_.lists_fail = true;
    };
    const auto cleaned = clean(store_);
    EXPECT_EQ(cleaned.artifacts, 0);
    EXPECT_NE(cleaned.trouble, "");
    EXPECT_FALSE(store_.objects().contains(layout_.abandoned(name)));
}

TEST_F(CleanUpTest, GoesOnInAStorageThatIsFull) {
    MemoryStore full({.creation_fails = base::Reason::kStorageFull});
    leave(full, artifact("old", 1));
    leave(full, artifact("me", 1, 1));
    full.let_pass(hours(30));
    leave(full, artifact("me", 1, 2));
    const auto cleaned = clean(full);
    EXPECT_EQ(cleaned.artifacts, 2) << "of which the deadlines have passed";
    EXPECT_THAT(cleaned.trouble, HasSubstr("refused"));
    EXPECT_EQ(keys(full).size(), 4U) << "a head of the young one may still arrive, and nothing could tell its writer";
}

TEST_F(CleanUpTest, WhatIsLockedCountsAsThere) {
    MemoryStore locking({.locks = true});
    for (int i = 0; i < 20; ++i) leave(locking, artifact("me", 1, i), 30);
    const auto cleaned = clean(locking);
    EXPECT_EQ(cleaned.artifacts, 0);
    EXPECT_EQ(cleaned.bytes, 0);
    EXPECT_THAT(cleaned.trouble, HasSubstr("locked"));
    EXPECT_EQ(locking.removals(), 3);
}

TEST_F(CleanUpTest, AsksAStorageThatRefusesOnlyAFewTimes) {
    MemoryStore refusing({.refuses_removal = true});
    for (int i = 0; i < 20; ++i) leave(refusing, artifact("me", 1, i), 30);
    const auto cleaned = clean(refusing);
    EXPECT_EQ(cleaned.artifacts, 0);
    EXPECT_THAT(cleaned.trouble, HasSubstr("AccessDenied"));
    EXPECT_EQ(refusing.removals(), 3);
}

TEST_F(CleanUpTest, TellsOfRoomThatVersionsTake) {
    MemoryStore versioned({.keeps_versions = true});
    leave(versioned, artifact("me", 1));
    EXPECT_TRUE(clean(versioned).hidden);
}

TEST_F(CleanUpTest, EndsAtItsDeadlineWithWhatItHas) {
    leave(store_, artifact("me", 1));
    const auto cleaned = clean_up(store_, layout_, {.run = {"me", 2}, .repository = "here"},
                                  {.deadline = base::Deadline::after(std::chrono::milliseconds(0))});
    EXPECT_EQ(cleaned.artifacts, 0);
    EXPECT_THAT(cleaned.trouble, HasSubstr("no end before the deadline"));
}

TEST_F(CleanUpTest, TakesMoreBlocksThanAPageHolds) {
    leave(store_, artifact("me", 1), 2'500);
    EXPECT_EQ(clean(store_).bytes, 25'000);
    EXPECT_EQ(keys(store_).size(), 2U);
}

TEST_F(CleanUpTest, TwoAtOnceTakeEverythingOnce) {
    for (int i = 0; i < 20; ++i) leave(store_, artifact("old", 1, i), 50);
    finish(store_, leave(store_, artifact("done", 1, 30), 50));
    store_.let_pass(hours(30));
    std::vector<CleanedUp> cleaned(2);
    {
        const std::jthread first([&] { cleaned[0] = clean(store_, "a"); });
        const std::jthread second([&] { cleaned[1] = clean(store_, "b"); });
    }
    EXPECT_EQ(cleaned[0].trouble + cleaned[1].trouble, "");
    store_.let_pass(minutes(3));
    (void)clean(store_);
    EXPECT_EQ(keys(store_).size(), 52U);
    EXPECT_THAT(keys(store_), Each(HasSubstr("-done-1")));
}

}  // namespace
}  // namespace n4b::engine
