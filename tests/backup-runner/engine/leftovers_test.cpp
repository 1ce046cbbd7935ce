#include "backup-runner/engine/leftovers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using ::testing::ElementsAre;
using testing::MemoryStore;

class LeftoversTest : public ::testing::Test {
protected:
    void put(const std::string& key, const std::string& text = "x") {
        ASSERT_TRUE(store_.put(key, std::as_bytes(std::span(text)), {}));
    }
    /// In the order of their numbers.
    static format::ArtifactName artifact(int number) {
        return {.chain = archive::chain_name(base::SystemTime(std::chrono::seconds(1'700'000'000 + number)), 7),
                .run = {"run", 1}};
    }
    std::vector<std::string> walk(const ChainRange& range = {}, std::size_t most = 1000) {
        std::vector<std::string> chains;
        const auto walked = walk_leftovers(store_, layout_, range,
                                           [&](const Leftover& leftover) {
                                               chains.push_back(leftover.name.chain);
                                               last_ = leftover;
                                               return chains.size() < most;
                                           },
                                           {});
        EXPECT_TRUE(walked) << walked.error().message;
        return chains;
    }

    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
    MemoryStore store_;
    Leftover last_;
};

TEST_F(LeftoversTest, AreWhatHasNoHead) {
    const auto chain = [](int number) { return artifact(number).chain; };
    for (int i = 0; i < 5; ++i) put(layout_.blocks(artifact(i)) + "00000001");
    put(layout_.head({artifact(1), 9}));
    put(layout_.head({artifact(3), 0}));
    put(layout_.heads() + "notes.json");
    put(layout_.closed(chain(0)));
    put(layout_.hold(chain(0), "audit").value());
    put(layout_.chain(chain(0)) + "of-a-later-runner/x");
    put(layout_.chains() + "stray");
    EXPECT_THAT(walk(), ElementsAre(chain(0), chain(2), chain(4)));
    EXPECT_THAT(walk({.from = chain(1)}), ElementsAre(chain(2), chain(4)));
    EXPECT_THAT(walk({.before = chain(2)}), ElementsAre(chain(0)));
    EXPECT_THAT(walk({}, 2), ElementsAre(chain(0), chain(2)));
}

TEST_F(LeftoversTest, TellWhatTheyHold) {
    const auto deadline = base::SystemTime(std::chrono::seconds(1'795'693'361));
    put(layout_.intent(artifact(0), deadline), "12345");
    put(layout_.blocks(artifact(0)) + "00000001", "123");
    put(layout_.blocks(artifact(0)) + "00000002", "12");
    ASSERT_EQ(walk().size(), 1U);
    EXPECT_EQ(last_.name, artifact(0));
    EXPECT_EQ(last_.deadline, deadline);
    EXPECT_EQ(last_.objects, 3);
    EXPECT_EQ(last_.blocks, 2);
    EXPECT_EQ(last_.bytes, 10);
    EXPECT_FALSE(last_.abandoned);
    put(layout_.abandoned(artifact(0)), "{}");
    (void)walk();
    EXPECT_TRUE(last_.abandoned);
}

TEST_F(LeftoversTest, AreFoundWithoutListingTheBlocksOfLargeBackups) {
    for (int i = 0; i < 20'000; ++i) put(layout_.blocks(artifact(0)) + format::block_name(i));
    put(layout_.head({artifact(0), 9}));
    put(layout_.blocks(artifact(1)) + "00000001");
    const auto before = store_.listed();
    EXPECT_EQ(walk().size(), 1U);
    EXPECT_LT(store_.listed() - before, 3'000);
}

TEST_F(LeftoversTest, HaveNoHeadThatIsLookedForOnceMore) {
    EXPECT_FALSE(has_head(store_, layout_, artifact(0), {}).value());
    put(layout_.head({artifact(1), 9}));
    EXPECT_FALSE(has_head(store_, layout_, artifact(0), {}).value());
    put(layout_.head({artifact(0), 9}));
    EXPECT_TRUE(has_head(store_, layout_, artifact(0), {}).value());
    put(layout_.heads() + artifact(2).chain + "-of-a-later-runner");
    EXPECT_TRUE(has_head(store_, layout_, artifact(2), {}).value());
}

TEST_F(LeftoversTest, AnyNumberOfChainsStopsNothing) {
    constexpr int kChains = 50'001;
    auto head = testing::example_head();
    head.name = artifact(kChains);
    for (int i = 0; i < kChains; ++i) {
        put(layout_.head({artifact(i), 9}), "{");
        put(layout_.blocks(artifact(i)) + "00000001");
    }
    put(layout_.head(format::name_of(head)), format::print_head(head).value());
    put(layout_.blocks(artifact(kChains + 1)) + "00000001");
    EXPECT_THAT(walk(), ElementsAre(artifact(kChains + 1).chain));

    int heads = 0;
    ASSERT_TRUE(walk_heads(store_, {}, [&](const FoundHead&) { return ++heads > 0; }, {}));
    EXPECT_EQ(heads, kChains + 1);
    const auto earlier = find_earlier(store_, layout_, {});
    ASSERT_TRUE(earlier) << earlier.error().message;
    EXPECT_EQ(earlier->newest->head.name.chain, head.name.chain);
    const auto chosen = choose_artifact(store_, layout_, head.name.chain, {});
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(look_up(store_, layout_, {.uid = "nobody"}, {}).error().reason, base::Reason::kArtifactNotFound);
}

TEST_F(LeftoversTest, OfOneDatabaseAreFoundWithoutListingTheOthers) {
    const auto other = format::Layout::create("test", "graph.db").value();
    put(layout_.blocks(artifact(0)) + "00000001");
    put(layout_.blocks(artifact(1)) + "00000001");
    for (int i = 0; i < 100; ++i) put(other.blocks(artifact(i)) + "00000001");
    std::vector<std::string> found;
    const auto walk_in = [&](const Scope& scope) {
        found.clear();
        const auto walked = walk_all_leftovers(store_, scope,
                                               [&](const FoundLeftover& leftover) {
                                                   found.push_back(leftover.leftover->name.chain);
                                                   return true;
                                               },
                                               {});
        EXPECT_TRUE(walked) << walked.error().message;
    };
    walk_in({.source = "prod", .chain = artifact(1).chain});
    EXPECT_THAT(found, ElementsAre(artifact(1).chain));
    EXPECT_LT(store_.listed(), 100);
    walk_in({.database = "another"});
    EXPECT_THAT(found, ElementsAre());
    walk_in({});
    EXPECT_EQ(found.size(), 102U);
}

}  // namespace
}  // namespace n4b::engine
