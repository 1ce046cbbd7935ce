#include "operator/run/locks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::run {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Names = std::vector<std::string>;

Holder run(const std::string& name) {
    return {.uid = name, .kind = "Neo4jBackup", .key = "db/" + name};
}

std::string source(const std::string& name) {
    return source_lock("db", name, "graph.db");
}

std::string claim(const std::string& name) {
    return claim_lock("db", name);
}

/// Locks, and who is ready by name.
struct Arena {
    Locks locks;
    explicit Arena(std::size_t limit) : locks(limit) {}

    std::optional<std::string> wants(const std::string& name, const Names& names) {
        const auto blocked = locks.acquire(run(name), names);
        return blocked ? std::optional(blocked->message) : std::nullopt;
    }
    void ends(const std::string& name) { locks.keep_only(name, {}); }
    [[nodiscard]] Names ready() const {
        Names names;
        for (const auto& holder : locks.ready()) names.push_back(holder.uid);
        return names;
    }
};

TEST(Locks, HaveOneHolderEach) {
    Arena a(10);
    EXPECT_FALSE(a.wants("a", {source("s")}));
    EXPECT_FALSE(a.wants("a", {source("s")})) << "who has it keeps it";
    EXPECT_EQ(a.wants("b", {source("s")}), "source db/s, database graph.db is held by Neo4jBackup db/a");
    EXPECT_FALSE(a.wants("c", {source("t")}));
    EXPECT_THAT(a.ready(), IsEmpty());
    a.ends("a");
    EXPECT_THAT(a.ready(), ElementsAre("b"));
    EXPECT_FALSE(a.wants("b", {source("s")}));
    EXPECT_EQ(a.locks.running(), 2U);
    EXPECT_EQ(a.locks.waiting(), 0U);
}

TEST(Locks, AskForNoSlotToLookAtASourcesMembers) {
    Arena a(1);
    EXPECT_FALSE(a.wants("probe", {members_lock("db", "s")}));
    EXPECT_EQ(a.locks.running(), 0U);
    EXPECT_FALSE(a.wants("a", {source("s")})) << "a probe whose pod can't be made must not keep backups from running";
    EXPECT_FALSE(a.wants("other probe", {members_lock("db", "t")})) << "nor wait for them";
    EXPECT_TRUE(a.wants("again", {members_lock("db", "s")})) << "two at once would tell the same twice";
    a.ends("probe");
    EXPECT_FALSE(a.wants("again", {members_lock("db", "s")}));
    EXPECT_EQ(a.locks.running(), 1U);
}

TEST(Locks, LimitHowManyRun) {
    Arena a(1);
    EXPECT_FALSE(a.wants("a", {source("a")}));
    EXPECT_THAT(*a.wants("b", {source("b")}), HasSubstr("the operator's limit"));
    EXPECT_THAT(*a.wants("c", {source("c")}), HasSubstr("the operator's limit"));
    a.ends("a");
    EXPECT_THAT(a.ready(), ElementsAre("b"));
    EXPECT_THAT(*a.wants("c", {source("c")}), HasSubstr("runs that came first"));
    EXPECT_FALSE(a.wants("b", {source("b")}));
}

TEST(Locks, AreTakenInTheOrderOfThoseThatWait) {
    Arena a(10);
    a.wants("a", {source("s")});
    a.wants("b", {source("s")});
    a.wants("c", {source("s")});
    a.ends("a");
    EXPECT_THAT(*a.wants("c", {source("s")}), HasSubstr("Neo4jBackup db/b came first"));
    EXPECT_THAT(*a.wants("d", {source("s")}), HasSubstr("Neo4jBackup db/b came first"));
    EXPECT_FALSE(a.wants("b", {source("s")}));
}

TEST(Locks, TenWaitersThatCannotRunStopNobody) {
    Arena a(1);
    a.wants("holder", {source("busy"), claim("c")});
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(a.wants("waiter " + std::to_string(i), {source("busy")}));
    a.locks.keep_only("holder", {source("busy")});
    a.locks.keep_only("holder", {});
    // The first of the ten runs and ends, but its node is silent: only its slot comes back.
    EXPECT_FALSE(a.wants("waiter 0", {source("busy"), claim("c")}));
    a.locks.keep_only("waiter 0", {claim("c")});
    for (int i = 1; i < 10; ++i) EXPECT_TRUE(a.wants("waiter " + std::to_string(i), {claim("c")}));
    EXPECT_FALSE(a.wants("good", {source("other")}));
}

TEST(Locks, OneThatLeavesTakesItsTurnAlong) {
    Arena a(1);
    a.wants("a", {source("s")});
    a.wants("gone", {source("t")});
    a.wants("b", {source("u")});
    a.locks.leave("gone");
    a.ends("a");
    EXPECT_THAT(a.ready(), ElementsAre("b"));
    EXPECT_FALSE(a.wants("b", {source("u")}));
}

TEST(Locks, ASlotIsNotKeptForTwoThatCannotBothRun) {
    Arena a(2);
    a.wants("a", {source("s")});
    a.wants("x", {source("x")});
    a.wants("b", {source("s")});
    a.wants("c", {source("s")});
    a.wants("d", {source("other")});
    a.ends("a");
    a.ends("x");
    EXPECT_THAT(a.ready(), ElementsAre("b", "d")) << "c can't run beside b";
    EXPECT_FALSE(a.wants("d", {source("other")}));
    EXPECT_FALSE(a.wants("b", {source("s")}));
}

TEST(Locks, AreAllTakenOrNone) {
    Arena a(10);
    a.wants("a", {claim("c")});
    EXPECT_TRUE(a.wants("b", {source("s"), claim("c")}));
    EXPECT_FALSE(a.wants("other", {source("s")})) << "who waits holds nothing";
}

TEST(Locks, ClaimsStayWithAPodThatHasThemMounted) {
    Arena a(1);
    a.wants("a", {source("s"), claim("c")});
    a.wants("b", {source("t"), claim("c")});
    a.locks.keep_only("a", {claim("c")});
    EXPECT_EQ(a.locks.running(), 0U) << "its slot is free";
    EXPECT_THAT(*a.wants("b", {source("t"), claim("c")}), HasSubstr("claim db/c is held by Neo4jBackup db/a"));
    EXPECT_FALSE(a.wants("d", {source("s")}));
    a.ends("a");
    a.ends("d");
    EXPECT_THAT(a.ready(), ElementsAre("b"));
}

TEST(Locks, TellWhetherSomebodyWaitsForAHolder) {
    Arena a(1);
    a.wants("a", {source("s"), claim("c")});
    EXPECT_FALSE(a.locks.is_awaited("a"));
    a.wants("b", {source("t")});
    EXPECT_FALSE(a.locks.is_awaited("a")) << "it waits for a slot only";
    a.wants("d", {source("u"), claim("c")});
    EXPECT_TRUE(a.locks.is_awaited("a"));
    a.locks.leave("d");
    EXPECT_FALSE(a.locks.is_awaited("a"));
    EXPECT_FALSE(a.locks.is_awaited("nobody"));
}

TEST(Locks, RunsUnderWayAreHeldWhateverTheLimit) {
    Arena a(1);
    a.locks.hold(run("a"), {source("s")});
    a.locks.hold(run("b"), {source("t")});
    EXPECT_EQ(a.locks.running(), 2U);
    EXPECT_TRUE(a.wants("c", {source("u")}));
    a.ends("b");
    EXPECT_TRUE(a.wants("c", {source("u")})) << "a still runs";
    a.ends("a");
    EXPECT_FALSE(a.wants("c", {source("u")}));
}

TEST(Locks, TheFirstOfTwoRecoveredHoldersKeepsALock) {
    Arena a(10);
    a.locks.hold(run("a"), {source("s")});
    a.locks.hold(run("b"), {source("s")});
    a.ends("b");
    EXPECT_THAT(*a.wants("c", {source("s")}), HasSubstr("db/a"));
}

TEST(Locks, AWaiterThatWantsOthersKeepsItsTurn) {
    Arena a(1);
    a.wants("a", {source("s")});
    a.wants("b", {source("t")});
    a.wants("c", {source("u")});
    a.wants("b", {source("v")});
    EXPECT_EQ(a.locks.waiting(), 2U);
    a.ends("a");
    EXPECT_THAT(a.ready(), ElementsAre("b"));
}

TEST(Locks, NoMoreAreWokenThanCanStart) {
    Arena a(100);
    a.wants("a", {source("s")});
    for (int i = 0; i < 50; ++i) a.wants("w" + std::to_string(i), {source("s"), source(std::to_string(i))});
    a.ends("a");
    EXPECT_THAT(a.ready(), ElementsAre("w0"));
}

TEST(Locks, SayWhetherAnythingWasGivenBack) {
    Arena a(1);
    EXPECT_FALSE(a.wants("a", {source("s")}));
    EXPECT_TRUE(a.wants("b", {source("s")}));
    a.locks.take_freed();
    EXPECT_TRUE(a.locks.peek(run("b"), {source("s")})) << "a look at one that waits";
    a.locks.keep_only("b", {});
    EXPECT_FALSE(a.locks.take_freed());
    a.ends("a");
    EXPECT_TRUE(a.locks.take_freed());
    EXPECT_FALSE(a.locks.take_freed());
    EXPECT_TRUE(a.wants("c", {source("s")}));
    a.locks.leave("b");
    EXPECT_TRUE(a.locks.take_freed()) << "c could not start only because b came first";
}

TEST(Locks, WhoKeepsAClaimMayStartAgainBeforeThoseThatCameFirst) {
    Arena a(10);
    const Names both{source("s"), claim("c")};
    EXPECT_FALSE(a.wants("a", both));
    EXPECT_TRUE(a.wants("b", both));
    a.locks.keep_only("a", {claim("c")});
    EXPECT_FALSE(a.wants("x", {source("s")}));
    EXPECT_TRUE(a.wants("a", both)) << "x has the source";
    EXPECT_THAT(a.ready(), IsEmpty());
    a.ends("x");
    EXPECT_THAT(a.ready(), ElementsAre("a"));
    EXPECT_FALSE(a.wants("a", both));
}

TEST(LockNames, KeepNamespacesApart) {
    EXPECT_NE(source_lock("a", "s", "d"), source_lock("b", "s", "d"));
    EXPECT_NE(claim_lock("a", "c"), claim_lock("b", "c"));
    EXPECT_TRUE(is_claim_lock(claim_lock("a", "c")));
    EXPECT_FALSE(is_claim_lock(source_lock("claim a", "c", "d")));
}

TEST(Locks, EveryKindOfLockIsKnownAfterARestart) {
    for (const auto& lock : {source_lock("db", "a", "b"), members_lock("db", "a"), look_lock("db", "a"),
                             claim_lock("db", "a"), retention_lock("db", "a"), target_lock("db", "a")}) {
        EXPECT_TRUE(is_lock_of("db", lock)) << lock;
        EXPECT_FALSE(is_lock_of("d", lock)) << lock;
    }
}

}  // namespace
}  // namespace n4b::run
