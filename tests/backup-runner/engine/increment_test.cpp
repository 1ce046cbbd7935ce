#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/chain_tip.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/txlog/neostore.hpp"
#include "tests/backup-runner/engine/backup_fixture.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using contract::BackupType;
using contract::WhenImpossible;
using testing::FakeCatchupServer;
using ::testing::HasSubstr;

constexpr std::size_t kPreambleBytes = 16 + 18;

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

base::SystemTime at_ms(std::int64_t time) {
    return base::SystemTime(std::chrono::milliseconds(time));
}

/// A server with transactions up to 9, and a full of it.
class IncrementTest : public BackupTest {
protected:
    IncrementTest() {
        const auto full = make(BackupType::kFull);
        EXPECT_EQ(full.reason, Reason::kCompleted) << full.message;
        chain_ = full.artifact ? full.artifact->chain : "";
        spec_.when_impossible = WhenImpossible::kFail;
    }

    contract::RunReport make(BackupType type) {
        spec_.type = type;
        spec_.run.uid = "run-" + std::to_string(++made_);
        return back_up();
    }
    contract::RunReport increment_to(std::int64_t transaction) {
        server_.last_committed = transaction;
        return make(BackupType::kIncremental);
    }

    /// Another history from this transaction on: another commit time.
    void diverge_from(std::int64_t from) {
        server_.history = [from](std::int64_t id) {
            auto bytes = FakeCatchupServer::transaction(id);
            if (id >= from) bytes.back() ^= std::byte{1};
            return bytes;
        };
    }

    Chain chain() {
        auto last = choose_artifact(*store_, layout_, "", {});
        EXPECT_TRUE(last) << last.error().message;
        auto read = read_chain(*store_, layout_, std::move(*last), {});
        EXPECT_TRUE(read) << read.error().message;
        return std::move(*read);
    }

    /// The log of a restore up to there holds the transactions from 5 on, and `neostore` fits it.
    void expect_restored_to(std::int64_t transaction) {
        SCOPED_TRACE(transaction);
        const auto point = up_to_transaction(*store_, chain(), transaction, {});
        ASSERT_TRUE(point) << point.error().message;
        const auto target = root_ + "/restored-" + std::to_string(++restored_);
        const auto restored = restore(*store_, *point, {.directory = target}, {});
        ASSERT_TRUE(restored) << restored.error().message;
        std::string expected;
        for (std::int64_t id = 5; id <= transaction; ++id) {
            const auto bytes = server_.history(id);
            expected.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
        EXPECT_EQ(contents(target + "/neostore.transaction.db.0").substr(kPreambleBytes), expected);
        const auto neostore = contents(target + "/neostore");
        const auto bytes = std::as_bytes(std::span(neostore));
        EXPECT_EQ(txlog::get(bytes, txlog::NeostoreField::kLastTransaction), transaction);
        EXPECT_EQ(txlog::get(bytes, txlog::NeostoreField::kLogVersion), 0);
        EXPECT_EQ(contents(target + "/neostore.nodestore.db"), std::string(20000, '\x07'));
    }

    /// The last byte of the milliseconds at which a transaction was committed, else 1000 and its id.
    void end_commit_time_of(std::int64_t transaction, std::uint8_t byte) {
        server_.history = [=](std::int64_t id) {
            auto bytes = FakeCatchupServer::transaction(id);
            if (id == transaction) bytes.back() = std::byte{byte};
            return bytes;
        };
    }

    void expect_last_until(std::int64_t time, std::int64_t last, std::size_t artifacts) {
        SCOPED_TRACE(time);
        const auto point = up_to_time(*store_, chain(), at_ms(time), {});
        ASSERT_TRUE(point) << point.error().message;
        EXPECT_EQ(point->transaction, last);
        EXPECT_EQ(point->chain.size(), artifacts);
    }

    std::set<std::string> objects(const std::string& prefix) {
        std::set<std::string> keys;
        EXPECT_TRUE(store_->list(prefix, "",
                                 [&](std::span<const object_store::ObjectInfo> page) {
                                     for (const auto& object : page) keys.insert(object.key);
                                     return true;
                                 },
                                 {}));
        return keys;
    }

    std::string chain_{};
    int made_ = 0;
    int restored_ = 0;
};

TEST_F(IncrementTest, HoldsWhatWasCommittedSinceTheLastBackup) {
    const auto first = increment_to(14);
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    EXPECT_THAT(first.message, HasSubstr("Incremental transactions up to 14"));
    EXPECT_EQ(first.artifact->chain, chain_);
    EXPECT_EQ(first.artifact->sequence, 1);
    EXPECT_EQ(first.artifact->kind, "Incremental");
    EXPECT_EQ(first.artifact->lowest_transaction, 10);
    EXPECT_EQ(first.artifact->highest_transaction, 14);
    EXPECT_EQ(first.artifact->earliest_restorable, 9);
    EXPECT_EQ(first.artifact->files, 0);
    const auto second = increment_to(15);
    ASSERT_EQ(second.reason, Reason::kCompleted) << second.message;
    EXPECT_EQ(second.artifact->sequence, 2);
    EXPECT_EQ(second.artifact->lowest_transaction, 15);
    EXPECT_EQ(sound_artifacts(), 3U);
    const auto artifacts = chain();
    const auto& last = artifacts.back().head;
    EXPECT_EQ(last.latest_commit_time, base::SystemTime(std::chrono::milliseconds(1015)));
    EXPECT_EQ(last.parent->blocks, artifacts[0].head.counts.blocks + artifacts[1].head.counts.blocks);
}

TEST_F(IncrementTest, IsRestoredToAnyTransactionFromTheEndOfTheFullOn) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    ASSERT_EQ(increment_to(20).reason, Reason::kCompleted);
    for (std::int64_t transaction = 9; transaction <= 20; ++transaction) expect_restored_to(transaction);
    for (const std::int64_t outside : {0, 8, 21}) {
        const auto refused = up_to_transaction(*store_, chain(), outside, {});
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message, HasSubstr("expected one from 9 to 20"));
    }
}

TEST_F(IncrementTest, IsRestoredToATime) {
    // The clock of the member that commits is set back after transaction 16.
    end_commit_time_of(17, 1013 % 256);
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    ASSERT_EQ(increment_to(20).reason, Reason::kCompleted);
    const std::map<std::int64_t, std::int64_t> last_by_time{{1009, 9},  {1012, 12}, {1013, 13}, {1014, 14},
                                                            {1015, 15}, {1016, 17}, {1019, 19}, {1020, 20}};
    for (const auto& [time, last] : last_by_time) expect_last_until(time, last, last < 10 ? 1U : last < 15 ? 2U : 3U);
    const auto later = *chain().back().head.complete_at;
    EXPECT_EQ(up_to_time(*store_, chain(), later, {})->transaction, 20) << "it held everything then";
    for (const auto outside : {at_ms(1008), later + std::chrono::milliseconds(1)}) {
        const auto refused = up_to_time(*store_, chain(), outside, {});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().reason, Reason::kPointOutsideWindow);
        EXPECT_THAT(refused.error().message, HasSubstr("expected a time from 1970-01-01T00:00:01.009000Z to 20"));
    }
}

TEST_F(IncrementTest, FindsATimeInAnyGroupOfItsIndex) {
    // A group has 1,000 transactions: 10 to 1009, and so on. The first of the second one was committed before the last
    // of the first one.
    end_commit_time_of(1010, 2005 % 256);
    ASSERT_EQ(increment_to(2500).reason, Reason::kCompleted);
    const std::map<std::int64_t, std::int64_t> last_by_time{{1500, 500},  {2008, 1008}, {2009, 1010}, {2500, 1500},
                                                            {3009, 2009}, {3010, 2010}, {3200, 2200}, {3500, 2500}};
    for (const auto& [time, last] : last_by_time) expect_last_until(time, last, 2U);
}

TEST_F(IncrementTest, NothingNewMakesNothing) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    const auto before = objects("");
    const auto report = increment_to(14);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_FALSE(report.artifact);
    ASSERT_TRUE(report.up_to_date);
    EXPECT_EQ(report.up_to_date->chain, chain_);
    EXPECT_EQ(report.up_to_date->transaction, 14);
    EXPECT_THAT(report.message, HasSubstr("nothing new since transaction 14"));
    EXPECT_EQ(report.up_to_date->recoverable_to, base::SystemTime(std::chrono::milliseconds(1014)));
    EXPECT_FALSE(report.up_to_date->current_at) << "nobody knows whether a server alone lags";
    EXPECT_EQ(objects(""), before);
}

TEST_F(IncrementTest, AnUpToDateFactTakesThePlaceOfTheOneBefore) {
    const auto tip = chain().back();
    for (const int second : {10, 20, 15}) {
        ASSERT_TRUE(mark_up_to_date(*store_, tip, base::SystemTime(std::chrono::seconds(second)), {.uid = "a"}, {}));
    }
    EXPECT_EQ(objects(layout_.facts()).size(), 2U) << "that of 20, and the last one";
}

TEST_F(IncrementTest, StopsAtTheTransactionThatWasTheLastWhenItBegan) {
    server_.last_committed = 14;
    server_.on_pull = [this](std::int64_t) { server_.last_committed = 30; };
    const auto report = make(BackupType::kIncremental);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->highest_transaction, 14);
}

TEST_F(IncrementTest, ABreakAnywhereCostsNothing) {
    const auto begin = server_.sent();
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    const auto length = server_.sent() - begin;
    std::int64_t highest = 14;
    for (std::int64_t at = 0; at < length; at += 10) {
        server_.break_once_after = server_.sent() + at;
        const auto report = increment_to(highest + 2);
        // A server that can't be asked in the first place is not waited for.
        if (report.reason != Reason::kCompleted) continue;
        highest += 2;
        EXPECT_EQ(report.artifact->highest_transaction, highest) << at;
    }
    EXPECT_GT(highest, 40);
    expect_restored_to(highest);
}

TEST_F(IncrementTest, AnotherHistoryIsNeverGoneOnFrom) {
    for (const std::int64_t from : {2, 9}) {
        diverge_from(from);
        const auto report = increment_to(14);
        EXPECT_EQ(report.reason, Reason::kHistoryDiverged) << report.message;
        EXPECT_FALSE(report.artifact);
    }
    diverge_from(10);
    EXPECT_EQ(increment_to(14).reason, Reason::kCompleted) << "what follows the last backup is nobody's history yet";
}

TEST_F(IncrementTest, AServerThatIsBehindIsToldFromOneThatWasSetBack) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    for (const std::int64_t last : {6, 9, 13}) {
        const auto lags = increment_to(last);
        EXPECT_EQ(lags.reason, Reason::kSourceBehind) << lags.message;
    }
    server_.pruned_to = 13;
    EXPECT_EQ(increment_to(13).reason, Reason::kSourceBehind) << "it has thrown away what could be compared";
    server_.pruned_to = 0;
    diverge_from(11);
    EXPECT_EQ(increment_to(13).reason, Reason::kHistoryDiverged);
    EXPECT_EQ(increment_to(12).reason, Reason::kHistoryDiverged);
    EXPECT_EQ(increment_to(10).reason, Reason::kSourceBehind) << "up to there it is the same";
    EXPECT_EQ(increment_to(2).reason, Reason::kSourceBehind) << "the chain does not hold that one";
}

TEST_F(IncrementTest, AFullTakesItsPlaceWhereThatIsWished) {
    diverge_from(9);
    spec_.when_impossible = WhenImpossible::kFull;
    const auto report = increment_to(14);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->kind, "Full");
    EXPECT_NE(report.artifact->chain, chain_);
    ASSERT_TRUE(report.unexpected_full);
    EXPECT_EQ(report.unexpected_full->reason, Reason::kHistoryDiverged);
    EXPECT_THAT(report.message, HasSubstr("a full backup in place of an increment: HistoryDiverged"));
}

TEST_F(IncrementTest, ASourceThatHasThrownAwayWhatIsNeededIsNoSource) {
    server_.pruned_to = 9;
    const auto report = increment_to(14);
    EXPECT_EQ(report.reason, Reason::kSourceLogPruned) << report.message;
    spec_.when_impossible = WhenImpossible::kFull;
    server_.checkpoint = 12;
    const auto full = increment_to(14);
    ASSERT_EQ(full.reason, Reason::kCompleted) << full.message;
    EXPECT_EQ(full.unexpected_full->reason, Reason::kSourceLogPruned);
}

TEST_F(IncrementTest, NeedsAnEarlierBackup) {
    make_repository();
    EXPECT_EQ(increment_to(14).reason, Reason::kNoEarlierBackup);
    const auto first = make(BackupType::kAuto);
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    EXPECT_EQ(first.artifact->kind, "Full");
    EXPECT_FALSE(first.unexpected_full) << "there was nothing to go on from, which is what Auto is for";
    server_.last_committed = 15;
    EXPECT_EQ(make(BackupType::kAuto).artifact->kind, "Incremental");
}

TEST_F(IncrementTest, AChainHasItsLength) {
    spec_.max_chain_length = 2;
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    EXPECT_EQ(increment_to(15).reason, Reason::kChainTooLong);
    spec_.when_impossible = WhenImpossible::kFull;
    EXPECT_EQ(increment_to(15).artifact->sequence, 0);
}

TEST_F(IncrementTest, AChainThatLacksAnythingIsNeverGoneOnFrom) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    const auto blocks = objects(layout_.blocks(chain().front().head.name));
    const auto lost = repository() + "/" + *blocks.begin();
    std::filesystem::rename(lost, root_ + "/lost");
    const auto refused = increment_to(15);
    EXPECT_EQ(refused.reason, Reason::kArtifactDamaged) << refused.message;
    EXPECT_THAT(refused.message, HasSubstr("its heads promise"));
    std::filesystem::rename(root_ + "/lost", lost);
    const auto marked = increment_to(15);
    EXPECT_EQ(marked.reason, Reason::kArtifactDamaged) << marked.message;
    EXPECT_THAT(marked.message, HasSubstr("was found damaged before"));
}

TEST_F(IncrementTest, AHeadThatIsGoneIsFoundByANewIncrementAndByARestore) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    ASSERT_EQ(increment_to(16).reason, Reason::kCompleted);
    const auto artifacts = chain();
    std::filesystem::remove(repository() + "/" + artifacts[1].key);
    EXPECT_EQ(increment_to(18).reason, Reason::kArtifactDamaged);
    const auto read = read_chain(*store_, layout_, artifacts[2], {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().reason, Reason::kArtifactDamaged);
    EXPECT_THAT(read.error().message, HasSubstr("the backup that it goes on from is gone"));
}

TEST_F(IncrementTest, OfTwoAtOnceOneIsUsedAndTheOtherIsTold) {
    server_.last_committed = 14;
    std::optional<contract::RunReport> other;
    server_.on_pull = [&](std::int64_t) {
        if (other) return;
        other.emplace();
        const auto mine = spec_;
        *other = increment_to(16);
        spec_ = mine;
    };
    const auto report = make(BackupType::kIncremental);
    ASSERT_EQ(other->reason, Reason::kCompleted) << other->message;
    EXPECT_EQ(report.reason, Reason::kArtifactConflict) << report.message;
    EXPECT_EQ(sound_artifacts(), 2U);
    expect_restored_to(16);
    EXPECT_EQ(increment_to(17).artifact->sequence, 2);
}

TEST_F(IncrementTest, NeverMixesWithWhatAnotherProcessOfTheSameAttemptWrites) {
    server_.last_committed = 14;
    spec_.type = BackupType::kIncremental;
    spec_.run = {.uid = "again", .attempt = 1};
    std::optional<contract::RunReport> twin;
    server_.on_pull = [&](std::int64_t) {
        if (twin) return;
        twin.emplace();
        *twin = back_up();
    };
    const auto report = back_up();
    ASSERT_EQ(twin->reason, Reason::kCompleted) << twin->message;
    EXPECT_EQ(report.reason, Reason::kArtifactConflict) << report.message;
    EXPECT_EQ(sound_artifacts(), 2U) << "what the twin wrote is whole";
    expect_restored_to(14);
}

TEST_F(IncrementTest, AHeadThatWasCutOffIsFoundByItsSize) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    ASSERT_EQ(increment_to(16).reason, Reason::kCompleted);
    std::filesystem::resize_file(repository() + "/" + chain()[1].key, 0);
    const auto refused = increment_to(18);
    EXPECT_EQ(refused.reason, Reason::kArtifactDamaged) << refused.message;
    EXPECT_THAT(refused.message, HasSubstr("the heads that it goes on from have"));
}

TEST_F(IncrementTest, AfterASetBackTheNewChainIsGoneOnFrom) {
    ASSERT_EQ(increment_to(100).reason, Reason::kCompleted);
    diverge_from(20);
    spec_.when_impossible = WhenImpossible::kFull;
    server_.checkpoint = 25;
    const auto full = increment_to(30);
    ASSERT_EQ(full.reason, Reason::kCompleted) << full.message;
    ASSERT_TRUE(full.unexpected_full);
    EXPECT_EQ(full.unexpected_full->reason, Reason::kHistoryDiverged);
    const auto next = increment_to(40);
    ASSERT_EQ(next.reason, Reason::kCompleted) << next.message;
    EXPECT_FALSE(next.unexpected_full);
    EXPECT_EQ(next.artifact->chain, full.artifact->chain) << "although the older chain reaches further";
    EXPECT_EQ(next.artifact->kind, "Incremental");
}

TEST_F(IncrementTest, AnAbandonedHeadKeepsNobodyFromGoingOn) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    const auto given_up = chain().back();
    const auto key = layout_.abandoned(given_up.head.name);
    const auto text = format::print_abandoned();
    ASSERT_TRUE(store_->put(key, std::as_bytes(std::span(text)), {}));
    const auto next = increment_to(15);
    ASSERT_EQ(next.reason, Reason::kCompleted) << next.message;
    EXPECT_EQ(next.artifact->sequence, 1) << "in its place";
    EXPECT_EQ(next.artifact->lowest_transaction, 10);
}

TEST_F(IncrementTest, WhatLiesBehindAPointMayBeDamaged) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    ASSERT_EQ(increment_to(20).reason, Reason::kCompleted);
    const auto artifacts = chain();
    std::ofstream(repository() + "/" + artifacts[2].key) << "damaged";
    for (const std::int64_t wanted : {9, 12, 14}) {
        const auto first = choose_for_transaction(*store_, layout_, chain_, wanted, {});
        ASSERT_TRUE(first) << first.error().message;
        EXPECT_LE(first->head.name.sequence, 1);
        EXPECT_GE(highest_of(first->head), wanted);
    }
    EXPECT_EQ(choose_for_transaction(*store_, layout_, chain_, 15, {}).error().reason, Reason::kArtifactDamaged);
    EXPECT_EQ(choose_for_transaction(*store_, layout_, chain_, 21, {}).error().reason, Reason::kArtifactNotFound);
}

TEST_F(IncrementTest, AnArtifactWhoseParentIsGoneDoesNotVerify) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    ASSERT_EQ(increment_to(16).reason, Reason::kCompleted);
    const auto artifacts = chain();
    ASSERT_TRUE(verify(*store_, artifacts[2], {}));
    std::filesystem::remove(repository() + "/" + artifacts[1].key);
    EXPECT_EQ(verify(*store_, artifacts[2], {}).error().reason, Reason::kArtifactDamaged);
}

TEST_F(IncrementTest, AServerThatWasSetBackBetweenTwoConnectionsIsFoundOut) {
    server_.last_committed = 30;
    server_.pulled_to = 20;
    int pulls = 0;
    server_.on_pull = [&](std::int64_t) {
        if (++pulls == 1) {
            // Within what is sent of transaction 12.
            server_.break_once_after =
                server_.sent() + 4 * static_cast<std::int64_t>(FakeCatchupServer::transaction(1).size() + 50);
        } else {
            diverge_from(9);
        }
    };
    const auto report = make(BackupType::kIncremental);
    ASSERT_GE(pulls, 2) << "no break, so this proves nothing";
    EXPECT_EQ(report.reason, Reason::kHistoryDiverged) << report.message;
    EXPECT_EQ(sound_artifacts(), 1U);
}

TEST_F(IncrementTest, AFullSupersedesTheTipAndNotWhatItGoesOnFrom) {
    ASSERT_EQ(increment_to(14).reason, Reason::kCompleted);
    const auto tip = format::to_string(format::name_of(chain().back().head));
    ASSERT_EQ(make(BackupType::kFull).reason, Reason::kCompleted);
    EXPECT_THAT(chain().back().head.supersedes, ::testing::ElementsAre(tip));
}

}  // namespace
}  // namespace n4b::engine
