#include "backup-runner/engine/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/engine/transaction_groups.hpp"
#include "backup-runner/format/chain_link.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "backup-runner/txlog/log_format.hpp"
#include "tests/backup-runner/engine/backup_fixture.hpp"
#include "tests/support/log_entries.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using contract::BackupType;
using contract::VerifyLevel;
using ::testing::ElementsAre;
using testing::FakeCatchupServer;
using ::testing::HasSubstr;
using testing::LogBytes;
using Bytes = std::vector<std::byte>;

/// Commands as a transaction may have them: a node, and counts.
Bytes with_commands(std::int64_t id) {
    const auto node = testing::command(
        1, LogBytes().i64(id).i8(0).i32(0).i8(3).i8(0).i64(1).i64(2).i64(3).append(testing::dynamic_records({16})));
    return testing::log_transaction(id, {node, testing::command(17, LogBytes().i32(-1).i64(1))});
}
Bytes with_unknown_command(std::int64_t id) {
    return testing::log_transaction(id, {testing::command(42, LogBytes().raw(50))});
}

/// A full up to transaction 9 of a server whose files have possible sizes, and increments.
class VerifyTest : public BackupTest {
protected:
    VerifyTest() {
        server_.store_file("neostore.nodestore.db") = Bytes(20010, std::byte{7});
        server_.history = &with_commands;
    }

    contract::RunReport make(BackupType type, std::int64_t last, VerifyLevel level = VerifyLevel::kWritten) {
        server_.last_committed = last;
        spec_.type = type;
        spec_.verify = level;
        spec_.run = {.uid = "run-" + std::to_string(++made_), .attempt = 1};
        return back_up();
    }
    void make_chain() {
        ASSERT_EQ(make(BackupType::kFull, 9).reason, Reason::kCompleted);
        ASSERT_EQ(make(BackupType::kIncremental, 14).reason, Reason::kCompleted);
        ASSERT_EQ(make(BackupType::kIncremental, 20).reason, Reason::kCompleted);
    }
    Chain chain() {
        auto last = choose_artifact(*store_, layout_, "", {});
        EXPECT_TRUE(last) << last.error().message;
        auto read = read_chain(*store_, layout_, std::move(*last), {});
        EXPECT_TRUE(read) << read.error().message;
        return std::move(*read);
    }

    /// Puts an artifact in the place of another one, with other transactions, and digests that fit them.
    Artifact forge(
        const Artifact& old, const std::vector<Bytes>& transactions,
        const std::function<void(format::Head&)>& change = [](format::Head&) {}) {
        auto head = old.head;
        ++head.name.run.attempt;
        auto writer = std::move(*blocks::ArtifactWriter::create(
            *store_, layout_.blocks(head.name),
            {.block_bytes = 1024 * 1024, .blocks = 2, .streams = 0, .threads = 1, .encoding = format::Encoding::kNone},
            {}));
        auto log = std::move(*writer->open_log());
        EXPECT_TRUE(log->open(std::nullopt));
        format::TransactionGroup group{.first = head.transactions->lowest.id};
        for (const auto& bytes : transactions) {
            EXPECT_TRUE(log->write(bytes));
            group.lengths.push_back(static_cast<std::int64_t>(bytes.size()));
            group.latest_time_ms = txlog::parse_commit(std::span(bytes).last(txlog::kCommitBytes))->time_ms;
        }
        EXPECT_TRUE(log->done());
        EXPECT_TRUE(log->flush());
        EXPECT_TRUE(writer->add_transactions(group));
        const auto totals = writer->finish();
        EXPECT_TRUE(totals) << totals.error().message;
        head.counts = totals->counts;
        head.counts.transactions = static_cast<std::int64_t>(transactions.size());
        head.index = totals->index;
        head.encodings = {"none"};
        change(head);
        EXPECT_TRUE(store_->remove(old.key, {}));
        const auto text = format::print_head(head).value();
        EXPECT_TRUE(store_->put(layout_.head(name_of(head)), std::as_bytes(std::span(text)), {}));
        auto forged = read_head(*store_, layout_, to_string(name_of(head)), {});
        EXPECT_TRUE(forged) << forged.error().message;
        return *forged;
    }
    static std::vector<Bytes> history(std::initializer_list<std::int64_t> ids) {
        std::vector<Bytes> all;
        for (const auto id : ids) all.push_back(with_commands(id));
        return all;
    }

    /// A block that holds no part of the index.
    [[nodiscard]] std::string block_of(const Artifact& artifact) const {
        for (std::int64_t number = 0;; ++number) {
            const auto key = layout_.blocks(artifact.head.name) + format::block_name(number);
            const bool index = std::any_of(artifact.head.index.begin(), artifact.head.index.end(),
                                           [&](const auto& block) { return block.number == number; });
            if (!index && std::filesystem::exists(repository() + "/" + key)) return repository() + "/" + key;
        }
    }
    void damage(const Artifact& artifact) const {
        std::fstream(block_of(artifact), std::ios::in | std::ios::out | std::ios::binary).write("damaged", 7);
    }

    base::Result<Verified> look(const Artifact& tip, VerifyLevel level = VerifyLevel::kChain) {
        return verify_tip(*store_, tip, level, {});
    }
    /// Of what has digests that fit, only a look at the transactions tells that something is wrong.
    void expect_found_by_chain_only(const Artifact& tip, const std::string& what) {
        EXPECT_TRUE(look(tip, VerifyLevel::kChecksum));
        const auto found = look(tip);
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().reason, Reason::kArtifactDamaged);
        EXPECT_THAT(found.error().message, HasSubstr(what));
    }

    /// The kinds of all facts, with the sequences they are about.
    std::multiset<std::string> facts() {
        std::multiset<std::string> kinds;
        EXPECT_TRUE(list_facts(
            *store_, layout_, "",
            [&](const format::FactName& fact) { kinds.insert(fact.fact + std::to_string(fact.sequence)); }, {}));
        return kinds;
    }

    int made_ = 0;
};

TEST_F(VerifyTest, EachLevelOfASoundChainIsReached) {
    make_chain();
    const auto tip = chain().back();
    for (const auto level : {VerifyLevel::kWritten, VerifyLevel::kChecksum, VerifyLevel::kChain}) {
        ProgressCounters progress;
        const auto verified = verify_tip(*store_, tip, level, {}, &progress);
        ASSERT_TRUE(verified) << verified.error().message;
        EXPECT_EQ(verified->proof.level, level);
        EXPECT_EQ(verified->note, "");
        const auto read = level == VerifyLevel::kWritten    ? 0
                          : level == VerifyLevel::kChecksum ? tip.head.counts.plain_bytes
                                                            : plain_bytes_of(chain());
        EXPECT_EQ(progress.bytes, read);
    }
    EXPECT_TRUE(facts().empty()) << "whoever looks puts it down";
}

TEST_F(VerifyTest, WrittenLooksAtTheListingAndAtNoByte) {
    make_chain();
    const auto artifacts = chain();
    damage(artifacts[2]);
    EXPECT_TRUE(look(artifacts[2], VerifyLevel::kWritten));
    EXPECT_EQ(look(artifacts[2], VerifyLevel::kChecksum).error().reason, Reason::kArtifactDamaged);
    std::filesystem::remove(block_of(artifacts[2]));
    EXPECT_EQ(look(artifacts[2], VerifyLevel::kWritten).error().reason, Reason::kArtifactDamaged);
}

TEST_F(VerifyTest, WrittenMissesTheBackupThatItGoesOnFrom) {
    make_chain();
    const auto artifacts = chain();
    std::filesystem::remove(repository() + "/" + artifacts[1].key);
    EXPECT_EQ(look(artifacts[2], VerifyLevel::kWritten).error().reason, Reason::kArtifactDamaged);
    const auto text = format::print_abandoned();
    ASSERT_TRUE(store_->put(layout_.abandoned(artifacts[0].head.name), std::as_bytes(std::span(text)), {}));
    EXPECT_EQ(look(artifacts[0], VerifyLevel::kWritten).error().reason, Reason::kArtifactConflict);
}

TEST_F(VerifyTest, FindsAHoleInALog) {
    make_chain();
    const auto tip = forge(chain().back(), history({15, 16, 18, 19, 20}));
    expect_found_by_chain_only(tip, "transaction 17, at");
}

TEST_F(VerifyTest, FindsAHoleBetweenTwoIncrements) {
    make_chain();
    const auto tip = forge(chain().back(), history({16, 17, 18, 19, 20}));
    expect_found_by_chain_only(tip, "found transaction 16 there");
}

TEST_F(VerifyTest, FindsAHoleInAnEarlierIncrement) {
    make_chain();
    const auto artifacts = chain();
    const auto middle = forge(artifacts[1], history({10, 11, 13, 14}));
    const auto tip = forge(artifacts[2], history({15, 16, 17, 18, 19, 20}), [&](format::Head& head) {
        const auto digits = middle.digest.substr(middle.digest.find(':') + 1);
        head.parent = format::parent_of({.head = middle.head, .sha256 = digits, .bytes = middle.bytes});
    });
    expect_found_by_chain_only(tip, "transaction 12, at");
}

TEST_F(VerifyTest, FindsALogThatWasCutOneTransactionLateOrEarly) {
    make_chain();
    const auto late = forge(chain().back(), history({15, 16, 17, 18, 19, 20, 21}));
    expect_found_by_chain_only(late, "found transaction 21 last, expected 20");
    const auto early = forge(chain().back(), history({15, 16, 17, 18, 19}));
    expect_found_by_chain_only(early, "found transaction 19 last, expected 20");
}

TEST_F(VerifyTest, FindsAnotherTransactionThanTheHeadNames) {
    make_chain();
    auto transactions = history({15, 16, 17, 18, 19, 20});
    // A label of the node: only the digest that the head has of this transaction tells.
    transactions.back()[60] ^= std::byte{1};
    expect_found_by_chain_only(forge(chain().back(), transactions), "of SHA-256");
    transactions = history({15, 16, 17, 18, 19, 20});
    // The additional header, of which the checksum is made.
    transactions.front()[37] ^= std::byte{1};
    expect_found_by_chain_only(forge(chain().back(), transactions), "with checksum");
}

TEST_F(VerifyTest, FindsAnEntryThatIsNone) {
    make_chain();
    auto transactions = history({15, 16, 17, 18, 19, 20});
    // How many dynamic records the first node has: digests that fit, and not the shape of a transaction.
    transactions[2][54] ^= std::byte{1};
    expect_found_by_chain_only(forge(chain().back(), transactions), "transaction 17, at");
}

TEST_F(VerifyTest, FindsAWrongCommitTime) {
    make_chain();
    const auto tip = forge(chain().back(), history({15, 16, 17, 18, 19, 20}),
                           [](format::Head& head) { *head.latest_commit_time += std::chrono::seconds(1); });
    expect_found_by_chain_only(tip, "latest commit time");
}

TEST_F(VerifyTest, FindsAnIncrementOfAnotherStore) {
    make_chain();
    const auto tip = forge(chain().back(), history({15, 16, 17, 18, 19, 20}),
                           [](format::Head& head) { head.store_id[5] = head.store_id[5] == '1' ? '2' : '1'; });
    EXPECT_THAT(look(tip, VerifyLevel::kChecksum).error().message, HasSubstr("store: found id"));
}

TEST_F(VerifyTest, FindsAStoreFileOfAnImpossibleSize) {
    server_.store_file("neostore.nodestore.db") = Bytes(20000, std::byte{7});
    ASSERT_EQ(make(BackupType::kFull, 9).reason, Reason::kCompleted);
    expect_found_by_chain_only(chain().back(),
                               "neostore.nodestore.db\": found 20000 bytes, expected whole records of 15");
}

TEST_F(VerifyTest, FindsANeostoreThatFitsNoLog) {
    make_chain();
    const auto tip = forge(chain().back(), history({15, 16, 17, 18, 19, 20}), [](format::Head& head) {
        for (auto& patch : head.neostore_patches) patch.hex.back() = '7';
    });
    expect_found_by_chain_only(tip, "neostorePatches");
}

TEST_F(VerifyTest, CommandsOfUnknownTypeLowerTheLevelOfAllThatGoesOnFromThem) {
    server_.history = [](std::int64_t id) { return id == 12 ? with_unknown_command(id) : with_commands(id); };
    make_chain();
    const auto artifacts = chain();
    EXPECT_EQ(look(artifacts[0])->proof.level, VerifyLevel::kChain);
    for (const auto* tip : {&artifacts[1], &artifacts[2]}) {
        const auto verified = look(*tip);
        ASSERT_TRUE(verified) << verified.error().message;
        EXPECT_EQ(verified->proof.level, VerifyLevel::kChecksum);
        EXPECT_THAT(verified->note, HasSubstr("does not know: 42"));
    }
}

TEST_F(VerifyTest, AnIncrementIsAsSoundAsWhatItGoesOnFrom) {
    make_chain();
    const auto artifacts = chain();
    damage(artifacts[1]);
    Verifier verifier(*store_, VerifyLevel::kChain, nullptr);
    EXPECT_TRUE(verifier.verify(artifacts[0], {}));
    EXPECT_EQ(verifier.verify(artifacts[1], {}).error().reason, Reason::kArtifactDamaged);
    const auto last = verifier.verify(artifacts[2], {});
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().reason, Reason::kArtifactDamaged);
    EXPECT_THAT(last.error().message, HasSubstr("it goes on from one that is not sound"));
}

TEST_F(VerifyTest, TheIndexIsReadAgainBehindItsWindow) {
    ASSERT_EQ(make(BackupType::kFull, 3500).reason, Reason::kCompleted);
    const auto artifact = chain().back();
    const blocks::StoredArtifact stored{
        .store = *store_, .prefix = layout_.blocks(artifact.head.name), .head = artifact.head};
    for (const std::size_t window : {std::size_t{1}, std::size_t{2500}, TransactionGroups::kWindow}) {
        TransactionGroups groups(stored, window);
        std::int64_t next = artifact.head.transactions->lowest.id;
        for (auto group = groups.next({}); *group; group = groups.next({})) {
            EXPECT_EQ((*group)->first, next);
            next += static_cast<std::int64_t>((*group)->lengths.size());
        }
        EXPECT_EQ(next, 3501);
    }
    EXPECT_TRUE(look(artifact)) << look(artifact).error().message;
}

TEST_F(VerifyTest, AProofReplacesThoseThatSayNoMore) {
    make_chain();
    const auto artifacts = chain();
    const auto at = [](int seconds) { return base::SystemTime(std::chrono::seconds(1'700'000'000 + seconds)); };
    const format::RunId run{.uid = "look"};
    const auto keep = [&](VerifyLevel level, int seconds) {
        ASSERT_TRUE(keep_proof(*store_, artifacts[1], {.level = level, .at = at(seconds)}, run, {}));
    };
    keep(VerifyLevel::kWritten, 1);
    keep(VerifyLevel::kChecksum, 2);
    EXPECT_THAT(facts(), ElementsAre("Checksum1"));
    keep(VerifyLevel::kChain, 3);
    keep(VerifyLevel::kChecksum, 4);
    EXPECT_THAT(facts(), ElementsAre("Chain1", "Checksum1")) << "the later look saw less";
    const auto known = known_state(*store_, artifacts[1], {});
    ASSERT_TRUE(known);
    EXPECT_EQ(known->proof->level, VerifyLevel::kChain);
    EXPECT_EQ(known->proof->at, at(3));
    EXPECT_FALSE(known_state(*store_, artifacts[2], {})->proof);
    // Now, long after that.
    ASSERT_TRUE(mark_damaged(*store_, artifacts[1], run, "a hole", {}));
    EXPECT_FALSE(known_state(*store_, artifacts[1], {})->proof) << "whatever was proved before";
    EXPECT_TRUE(known_state(*store_, artifacts[1], {})->damaged);
    const Proof later{.level = VerifyLevel::kChecksum, .at = *store_->now({}) + std::chrono::hours(1)};
    ASSERT_TRUE(keep_proof(*store_, artifacts[1], later, run, {}));
    EXPECT_EQ(known_state(*store_, artifacts[1], {})->proof->level, VerifyLevel::kChecksum);
}

TEST_F(VerifyTest, AProofIsThatOfOneOfTwoAtTheSamePlace) {
    make_chain();
    const auto tip = chain().back();
    auto sibling = tip;
    ++sibling.head.name.run.attempt;
    const Proof proof{.level = VerifyLevel::kChain, .at = tip.head.end};
    ASSERT_TRUE(keep_proof(*store_, tip, proof, {.uid = "look"}, {}));
    EXPECT_TRUE(known_state(*store_, tip, {})->proof);
    EXPECT_FALSE(known_state(*store_, sibling, {})->proof);
}

TEST_F(VerifyTest, ABackupReachesTheLevelThatItIsAskedFor) {
    ASSERT_EQ(make(BackupType::kFull, 9).artifact->level, "Written");
    EXPECT_TRUE(facts().empty());
    const auto checksum = make(BackupType::kIncremental, 14, VerifyLevel::kChecksum);
    ASSERT_EQ(checksum.reason, Reason::kCompleted) << checksum.message;
    EXPECT_EQ(checksum.artifact->level, "Checksum");
    EXPECT_GE(*checksum.artifact->verified_at, chain().back().head.end - std::chrono::seconds(1));
    const auto whole = make(BackupType::kIncremental, 20, VerifyLevel::kChain);
    ASSERT_EQ(whole.reason, Reason::kCompleted) << whole.message;
    EXPECT_EQ(whole.artifact->level, "Chain");
    EXPECT_THAT(facts(), ElementsAre("Chain2", "Checksum1"));
    const auto nothing = make(BackupType::kIncremental, 20, VerifyLevel::kChain);
    EXPECT_TRUE(nothing.up_to_date);
    EXPECT_EQ(nothing.message.find("warning"), std::string::npos);
}

TEST_F(VerifyTest, ABackupWithUnknownCommandsSucceedsAndSaysWhatWasReached) {
    server_.history = &with_unknown_command;
    const auto report = make(BackupType::kFull, 9, VerifyLevel::kChain);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->level, "Checksum");
    EXPECT_THAT(report.message, HasSubstr("warning: verified up to Checksum: its transactions hold commands"));
    EXPECT_THAT(facts(), ElementsAre("Checksum0"));
}

TEST_F(VerifyTest, ADamagedBackupFailsAndNothingGoesOnFromIt) {
    server_.store_file("neostore.nodestore.db") = Bytes(20000, std::byte{7});
    const auto report = make(BackupType::kFull, 9, VerifyLevel::kChain);
    EXPECT_EQ(report.reason, Reason::kArtifactDamaged);
    EXPECT_FALSE(report.artifact);
    EXPECT_THAT(facts(), ElementsAre("Damaged0"));
    const auto damaged = chain().back().head.name.chain;

    // Neither another attempt nor a look-up takes it for the run's.
    EXPECT_EQ(look_up().reason, Reason::kArtifactNotFound);
    server_.store_file("neostore.nodestore.db") = Bytes(20010, std::byte{7});
    spec_.run.attempt = 2;
    const auto again = back_up();
    ASSERT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_FALSE(again.adopted);
    EXPECT_NE(again.artifact->chain, damaged);
}

TEST_F(VerifyTest, AfterDamageAnIncrementIsImpossible) {
    ASSERT_EQ(make(BackupType::kFull, 9).reason, Reason::kCompleted);
    server_.history = [](std::int64_t id) {
        if (id < 12) return with_commands(id);
        return testing::log_transaction(id, {testing::command(17, LogBytes().i32(1).i64(1).raw(1))});
    };
    EXPECT_EQ(make(BackupType::kAuto, 14, VerifyLevel::kChain).reason, Reason::kArtifactDamaged);
    server_.history = &with_commands;
    const auto next = make(BackupType::kAuto, 20, VerifyLevel::kChain);
    ASSERT_EQ(next.reason, Reason::kCompleted) << next.message;
    ASSERT_TRUE(next.unexpected_full);
    EXPECT_EQ(next.unexpected_full->reason, Reason::kArtifactDamaged);
    EXPECT_EQ(next.artifact->level, "Chain");
}

TEST_F(VerifyTest, WhatIsAdoptedClaimsNoLevelThatItDidNotReach) {
    // The first attempt had its head, and was killed before it looked at it.
    ASSERT_EQ(make(BackupType::kFull, 9).reason, Reason::kCompleted);
    spec_.verify = VerifyLevel::kChain;
    spec_.run.attempt = 2;
    auto found = look_up();
    ASSERT_EQ(found.reason, Reason::kCompleted) << found.message;
    EXPECT_EQ(found.artifact->level, "Chain");
    EXPECT_THAT(facts(), ElementsAre("Chain0")) << "it was looked at now";
    damage(chain().back());
    EXPECT_EQ(look_up().artifact->level, "Chain") << "as of the time that it tells";
}

TEST_F(VerifyTest, AnAdoptedBackupThatIsDamagedFails) {
    ASSERT_EQ(make(BackupType::kFull, 9).reason, Reason::kCompleted);
    damage(chain().back());
    spec_.verify = VerifyLevel::kChecksum;
    spec_.run.attempt = 2;
    EXPECT_EQ(back_up().reason, Reason::kArtifactDamaged);
    EXPECT_THAT(facts(), ElementsAre("Damaged0"));
}

/// Nobody may write there any more.
class ReadOnlyStore final : public object_store::ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;
    base::Result<object_store::Creation> create(std::string_view /*key*/, std::span<const std::byte> /*bytes*/,
                                                const object_store::Call& /*call*/) override {
        return base::fail(base::ErrorCode::kPermissionDenied, Reason::kStorageReadOnly, "read-only");
    }
    base::Result<base::SystemTime> now(const object_store::Call& /*call*/) override {
        return base::fail(base::ErrorCode::kPermissionDenied, Reason::kStorageReadOnly, "read-only");
    }
};

TEST_F(VerifyTest, AStorageThatLetsNobodyWriteIsVerifiedAllTheSame) {
    make_chain();
    ReadOnlyStore store(*store_);
    const auto tip = chain().back();
    const auto verified = verify_tip(store, tip, VerifyLevel::kChain, {});
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_FALSE(keep_proof(store, tip, verified->proof, {.uid = "look"}, {}));
    EXPECT_TRUE(facts().empty());
}

}  // namespace
}  // namespace n4b::engine
