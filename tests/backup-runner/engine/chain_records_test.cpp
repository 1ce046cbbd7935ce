#include "backup-runner/engine/chain_records.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup-runner/engine/catalogue.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

base::SystemTime at(int seconds) {
    return base::SystemTime(std::chrono::seconds(1'795'693'361 + seconds));
}

/// A bucket with the heads of chains; nothing else of them is looked at.
class ChainRecordsTest : public ::testing::Test {
protected:
    void write(const std::string& key, const std::string& text) {
        ASSERT_TRUE(store_.put(key, std::as_bytes(std::span(text)), {}));
    }
    static format::Head head(const std::string& database, const std::string& chain, std::int64_t sequence,
                             std::int64_t highest) {
        auto head = testing::example_head();
        head.database = database;
        head.name.chain = chain;
        head.name.sequence = sequence;
        head.transactions->highest.point.id = highest;
        head.transactions->highest.point.time = at(static_cast<int>(highest));
        head.transactions->earliest_restorable.id = 9;
        if (sequence == 0) return head;
        head.name.kind = "incr";
        head.name.run.writer = "w00000" + std::to_string(sequence % 10);
        head.supersedes.clear();
        head.parent = format::Parent{.name = chain + "-000000-full-0000000000000000009-5a1b-2c-2.json",
                                     .sha256 = std::string(64, 'b'),
                                     .blocks = 2,
                                     .stored_bytes = 100,
                                     .head_bytes = 50};
        head.counts.files = 0;
        head.transactions->lowest.id = 10;
        head.neostore_patches.clear();
        return head;
    }
    void store(const format::Head& head) {
        const auto text = format::print_head(head);
        ASSERT_TRUE(text) << text.error().message;
        write("prod/" + head.database + "/heads/" + format::to_string(format::name_of(head)), *text);
    }
    std::vector<contract::ChainRecord> records(std::size_t most = 100) {
        auto found = record_chains(store_, most, {});
        EXPECT_TRUE(found) << found.error().message;
        if (!found) return {};
        artifacts_ = found->artifacts;
        left_out_ = found->left_out;
        return std::move(found->chains);
    }
    static std::vector<std::string> names(const std::vector<contract::ChainRecord>& records) {
        std::vector<std::string> names;
        for (const auto& record : records) names.push_back(record.database + " " + record.chain);
        return names;
    }

    static constexpr char kOld[] = "20261121T215049Z-000001";
    static constexpr char kNew[] = "20261122T215049Z-000002";
    testing::MemoryStore store_;
    std::int64_t artifacts_ = 0;
    std::int64_t left_out_ = 0;
};

TEST_F(ChainRecordsTest, TellWhatTheFirstAndTheLastHeadSay) {
    store(head("graph.db", kNew, 0, 9));
    store(head("graph.db", kNew, 1, 20));
    auto last = head("graph.db", kNew, 2, 31);
    last.current_at = at(40);
    store(last);
    store(head("other.db", kOld, 0, 9));
    const auto found = records();
    ASSERT_THAT(names(found), ElementsAre(std::string("graph.db ") + kNew, std::string("other.db ") + kOld));
    EXPECT_EQ(artifacts_, 4);
    const auto& chain = found[0];
    EXPECT_EQ(chain.source, "prod");
    EXPECT_EQ(chain.tip + ".json", format::to_string(format::name_of(last)));
    EXPECT_EQ(chain.artifacts, 3);
    EXPECT_EQ(chain.highest_transaction, 31);
    EXPECT_EQ(chain.earliest_restorable, 9);
    EXPECT_EQ(chain.stored_bytes, 107) << "its own 7, and 100 of those before it";
    EXPECT_EQ(chain.restorable_from, testing::example_head().latest_commit_time);
    EXPECT_EQ(chain.recoverable_to, at(31));
    EXPECT_EQ(chain.current_at, at(40));
    EXPECT_EQ(chain.reason, Reason::kCompleted);
}

TEST_F(ChainRecordsTest, ThatTheSourceHadNothingNewMovesTheirTime) {
    store(head("graph.db", kNew, 0, 9));
    const auto fact = [&](std::int64_t transaction, int time) {
        write("prod/graph.db/facts/" + format::to_string(format::FactName{.chain = kNew,
                                                                          .sequence = 0,
                                                                          .fact = "UpToDate",
                                                                          .transaction = transaction,
                                                                          .time = at(time),
                                                                          .run = {.uid = "r"}}),
              "{}");
    };
    fact(9, 500);
    fact(9, 400);
    EXPECT_EQ(records()[0].current_at, at(500));
    fact(8, 900);
    EXPECT_EQ(records()[0].current_at, at(500)) << "nothing new behind an earlier transaction says nothing";
}

TEST_F(ChainRecordsTest, ChainsThatAreClosedOrGivenUpAreNone) {
    store(head("graph.db", kOld, 0, 9));
    store(head("graph.db", kNew, 0, 9));
    write(std::string("prod/graph.db/chains/") + kOld + "/closed.json", "{}");
    EXPECT_THAT(names(records()), ElementsAre(std::string("graph.db ") + kNew));
    write(std::string("prod/graph.db/chains/") + kNew + "/000000-full-5a1b-2c-2/abandoned.json", "{}");
    EXPECT_THAT(records(), IsEmpty());
}

TEST_F(ChainRecordsTest, AnIncrementThatWasGivenUpIsNotTheirEnd) {
    store(head("graph.db", kNew, 0, 9));
    auto increment = head("graph.db", kNew, 1, 20);
    store(increment);
    write(
        std::string("prod/graph.db/chains/") + kNew + "/" + format::directory_name(increment.name) + "/abandoned.json",
        "{}");
    const auto found = records();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].artifacts, 1);
    EXPECT_EQ(found[0].highest_transaction, 9);
}

TEST_F(ChainRecordsTest, OneThatCannotBeReadIsTold) {
    store(head("graph.db", kOld, 0, 9));
    write(std::string("prod/graph.db/heads/") + kNew + "-000000-full-0000000000000000012-x-1.json", "{");
    const auto found = records();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].reason, Reason::kCompleted);
    EXPECT_EQ(found[1].reason, Reason::kArtifactDamaged);
    EXPECT_THAT(found[1].message, HasSubstr(kNew));
    EXPECT_EQ(found[1].highest_transaction, 12) << "as its name tells";
}

TEST_F(ChainRecordsTest, AChainWithoutItsFullIsDamaged) {
    store(head("graph.db", kNew, 1, 20));
    ASSERT_EQ(records().size(), 1U);
    EXPECT_EQ(records()[0].reason, Reason::kArtifactDamaged);
}

TEST_F(ChainRecordsTest, DamageThatAFactTellsIsTold) {
    store(head("graph.db", kNew, 0, 9));
    write(
        "prod/graph.db/facts/" +
            format::to_string(format::FactName{
                .chain = kNew, .sequence = 0, .fact = "Damaged", .transaction = 9, .time = at(1), .run = {.uid = "r"}}),
        "{}");
    EXPECT_EQ(records()[0].reason, Reason::kArtifactDamaged);
}

TEST_F(ChainRecordsTest, OfMoreThanThereIsRoomForTheNewestAreTold) {
    store(head("graph.db", kOld, 0, 9));
    store(head("graph.db", kNew, 0, 9));
    store(head("other.db", kOld, 0, 9));
    EXPECT_THAT(names(records(1)), ElementsAre(std::string("graph.db ") + kNew));
    EXPECT_EQ(left_out_, 2);
    EXPECT_EQ(artifacts_, 3);
}

TEST_F(ChainRecordsTest, AListingThatFailsIsNoEmptyCatalogue) {
    store(head("graph.db", kNew, 0, 9));
    store_.lists_fail = true;
    EXPECT_FALSE(record_chains(store_, 100, {}));
}

TEST_F(ChainRecordsTest, ListsHeadsAndFactsOnceAndReadsTwoHeadsAndLooksForTwoMarksOfAChain) {
    for (int i = 0; i < 50; ++i) {
        const auto chain = "20261122T215049Z-0000" + std::to_string(10 + i);
        store(head("graph.db", chain, 0, 9));
        for (int sequence = 1; sequence < 10; ++sequence) store(head("graph.db", chain, sequence, 9 + sequence));
    }
    const auto before = store_.gets();
    EXPECT_EQ(records().size(), 50U);
    EXPECT_EQ(artifacts_, 500);
    EXPECT_LE(store_.gets() - before, 200);
}

}  // namespace
}  // namespace n4b::engine
