#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/format/chain_link.hpp"
#include "tests/backup-runner/engine/backup_fixture.hpp"
#include "tests/support/counting_store.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using contract::BackupType;
using testing::CountingStore;
using testing::FakeCatchupServer;
using testing::MemoryStore;

constexpr std::int64_t kArtifacts = 1000;
constexpr std::int64_t kLastOfFull = 9;

/// A bucket with a full and one increment, of a run in Kubernetes.
class CallCountTest : public BackupTest {
protected:
    CallCountTest() {
        spec_.run.cluster = "cluster";
        spec_.run.object_namespace = "here";
        spec_.run.name = "nightly";
        spec_.type = BackupType::kFull;
        make();
        spec_.type = BackupType::kIncremental;
        spec_.when_impossible = contract::WhenImpossible::kFail;
        spec_.max_chain_length = 2 * kArtifacts;
        server_.last_committed = kLastOfFull + 1;
        make();
    }

    contract::RunReport make(object_store::ObjectStore& store) {
        spec_.run.uid = "run-" + std::to_string(++made_);
        auto report = back_up(store);
        EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
        return report;
    }
    contract::RunReport make() { return make(memory_); }

    void put(const std::string& key, std::string_view text) {
        ASSERT_TRUE(memory_.put(key, std::as_bytes(std::span(text)), {}));
    }

    /// Another increment, which holds the next transaction: with the objects of the first under names of its own.
    Artifact next(const Artifact& before) {
        auto head = before.head;
        ++head.name.sequence;
        const auto id = kLastOfFull + head.name.sequence;
        const auto transaction = FakeCatchupServer::transaction(id);
        head.transactions->lowest.id = id;
        auto& highest = head.transactions->highest;
        highest.point.id = id;
        highest.length = static_cast<std::int64_t>(transaction.size());
        highest.sha256 = archive::digits_of(archive::sha256(transaction));
        const auto digits = archive::digits_of(before.digest);
        head.parent = format::parent_of({.head = before.head, .sha256 = digits, .bytes = before.bytes});
        for (const auto& [name, bytes] : objects_) {
            EXPECT_TRUE(memory_.put(layout_.artifact(head.name) + name, bytes, {}));
        }
        const auto text = format::print_head(head).value();
        auto key = layout_.head(format::name_of(head));
        put(key, text);
        return {.head = std::move(head),
                .key = std::move(key),
                .digest = archive::sha256(std::as_bytes(std::span(text))),
                .bytes = static_cast<std::int64_t>(text.size())};
    }

    void grow_to(std::int64_t artifacts) {
        auto tip = choose_artifact(memory_, layout_, "", {}).value();
        const auto directory = layout_.artifact(tip.head.name);
        for (const auto& [key, bytes] : memory_.objects()) {
            if (key.starts_with(directory)) objects_[key.substr(directory.size())] = bytes;
        }
        while (tip.head.name.sequence + 1 < artifacts) tip = next(tip);
        server_.last_committed = kLastOfFull + artifacts - 1;
    }

    MemoryStore memory_{};
    std::map<std::string, std::vector<std::byte>> objects_{};  ///< Of one increment, by their names in its directory.
    int made_ = 0;
};

TEST_F(CallCountTest, AnIncrementOfALongChainTakesTwelveRequestsAndOneForEachThousandKeys) {
    grow_to(kArtifacts);
    ++server_.last_committed;
    CountingStore counting(memory_);
    const auto report = make(counting);
    ASSERT_TRUE(report.artifact) << report.message;
    EXPECT_EQ(report.artifact->sequence, kArtifacts);
    EXPECT_LE(counting.requests(), 12 + counting.keys() / 1000) << counting.keys() << " keys were listed";
    EXPECT_LE(counting.blocks(), 2);
}

TEST_F(CallCountTest, ALookThatFindsNothingNewTakesNoMore) {
    grow_to(kArtifacts);
    CountingStore counting(memory_);
    const auto report = make(counting);
    ASSERT_TRUE(report.up_to_date) << report.message;
    EXPECT_LE(counting.requests(), 12 + counting.keys() / 1000) << counting.keys() << " keys were listed";
    EXPECT_EQ(counting.blocks(), 0);
}

TEST_F(CallCountTest, ARestoreTakesOneForEachBlockAndThreeForEachArtifact) {
    constexpr std::int64_t kFew = 12;
    while (made_ < kFew) {
        ++server_.last_committed;
        make();
    }
    CountingStore counting(memory_);
    auto chain = read_chain(counting, layout_, choose_artifact(counting, layout_, "", {}).value(), {}).value();
    ASSERT_EQ(chain.size(), kFew);
    std::int64_t blocks = 0;
    for (const auto& artifact : chain) blocks += artifact.head.counts.blocks;
    const auto restored = restore(counting, whole(std::move(chain)), {.directory = root_ + "/target"}, {});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_LE(counting.requests() + counting.blocks(), blocks + 3 * kFew + 20);
}

TEST_F(CallCountTest, AListOfAllBackupsAsksForEachThousandHeadsOnce) {
    grow_to(kArtifacts + 1);
    CountingStore counting(memory_);
    std::int64_t heads = 0;
    ASSERT_TRUE(walk_heads(counting, {.source = "prod", .database = "graph.db"},
                           [&](const FoundHead& head) {
                               heads += head.artifact ? 1 : 0;
                               return true;
                           },
                           {}));
    EXPECT_EQ(heads, kArtifacts + 1);
    EXPECT_LE(counting.pages(), heads / 1000 + 1);
}

}  // namespace
}  // namespace n4b::engine
