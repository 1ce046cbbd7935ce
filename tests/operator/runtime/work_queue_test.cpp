#include "operator/runtime/work_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace n4b::runtime {
namespace {

using std::chrono::seconds;
const base::SteadyTime kNow{};

TEST(KeyQueue, CollapsesAddsOfOneKey) {
    KeyQueue queue;
    queue.add("a");
    queue.add("a");
    EXPECT_EQ(queue.take(kNow), "a");
    EXPECT_EQ(queue.take(kNow), std::nullopt);
}

TEST(KeyQueue, GivesAKeyAddedWhileProcessingAgainAfterDone) {
    KeyQueue queue;
    queue.add("a");
    ASSERT_EQ(queue.take(kNow), "a");
    queue.add("a");
    queue.add("a");
    EXPECT_EQ(queue.take(kNow), std::nullopt) << "one worker a key";
    queue.done("a");
    EXPECT_EQ(queue.take(kNow), "a");
    queue.done("a");
    EXPECT_EQ(queue.take(kNow), std::nullopt);
}

TEST(KeyQueue, KeepsTheEarliestOfSeveralDelays) {
    KeyQueue queue;
    queue.add_at("a", kNow + seconds(5));
    queue.add_at("a", kNow + seconds(2));
    queue.add_at("a", kNow + seconds(9));
    EXPECT_EQ(queue.next_due(), kNow + seconds(2));
    EXPECT_EQ(queue.take(kNow + seconds(1)), std::nullopt);
    EXPECT_EQ(queue.take(kNow + seconds(2)), "a");
    EXPECT_EQ(queue.next_due(), std::nullopt);
}

TEST(KeyQueue, GivesDelayedKeysInTheOrderTheyAreDue) {
    KeyQueue queue;
    queue.add_at("a", kNow + seconds(3));
    queue.add_at("b", kNow + seconds(2));
    queue.add_at("c", kNow + seconds(2));
    queue.add_at("d", kNow + seconds(4));
    const auto later = kNow + seconds(3);
    for (const auto* key : {"b", "c", "a"}) EXPECT_EQ(queue.take(later), key);
    EXPECT_EQ(queue.take(later), std::nullopt);
    EXPECT_EQ(queue.next_due(), kNow + seconds(4));
}

TEST(KeyQueue, CountsFailuresUntilForgotten) {
    KeyQueue queue;
    EXPECT_EQ(queue.fail("a"), 1U);
    EXPECT_EQ(queue.fail("a"), 2U);
    queue.forget("a");
    EXPECT_EQ(queue.fail("a"), 1U);
}

std::vector<std::string> take_all(KeyQueue& queue) {
    std::vector<std::string> keys;
    while (auto key = queue.take(kNow + seconds(10))) {
        queue.done(*key);
        keys.push_back(std::move(*key));
    }
    return keys;
}

TEST(KeyQueue, GivesChangedKeysBeforeThoseThatAreOnlyLookedAtAgain) {
    KeyQueue queue;
    queue.add("resync", Urgency::kAgain);
    queue.add_at("due", kNow);
    queue.add("new");
    EXPECT_EQ(queue.depth(), 2U);
    EXPECT_EQ(take_all(queue), (std::vector<std::string>{"new", "resync", "due"}));
    EXPECT_EQ(queue.depth(), 0U);
}

TEST(KeyQueue, AKeyThatChangesWhileItWaitsMovesUpAndComesOnce) {
    KeyQueue queue;
    for (const auto* key : {"a", "b", "c"}) queue.add(key, Urgency::kAgain);
    queue.add("c");
    queue.add("c", Urgency::kAgain);
    EXPECT_EQ(queue.depth(), 3U);
    EXPECT_EQ(take_all(queue), (std::vector<std::string>{"c", "a", "b"}));
    queue.add("c", Urgency::kAgain);
    EXPECT_EQ(take_all(queue), (std::vector<std::string>{"c"}));
}

TEST(KeyQueue, KeepsTheUrgencyOfWhatWasAddedMeanwhile) {
    KeyQueue queue;
    queue.add("a");
    ASSERT_EQ(queue.take(kNow), "a");
    queue.add("a", Urgency::kAgain);
    queue.add("a");
    queue.add("a", Urgency::kAgain);
    queue.add("b");
    queue.done("a");
    queue.add("c");
    EXPECT_EQ(take_all(queue), (std::vector<std::string>{"b", "a", "c"}));
}

TEST(KeyQueue, OneOfEightIsOnlyLookedAtAgain) {
    KeyQueue queue;
    for (int i = 0; i < 20; ++i) queue.add(std::to_string(i));
    for (const auto* key : {"x", "y", "z"}) queue.add(key, Urgency::kAgain);
    const auto keys = take_all(queue);
    ASSERT_EQ(keys.size(), 23U);
    EXPECT_EQ(keys[7], "x");
    EXPECT_EQ(keys[15], "y");
    EXPECT_EQ(keys[22], "z");
}

TEST(WorkQueue, NeverGivesOneKeyToTwoWorkers) {
    WorkQueue queue;
    std::atomic<int> inside = 0;
    std::atomic<int> worked = 0;
    std::atomic<bool> twice = false;
    {
        std::vector<std::jthread> workers;
        for (int i = 0; i < 4; ++i) {
            workers.emplace_back([&](const std::stop_token& stop) {
                while (const auto key = queue.take(stop)) {
                    if (++inside > 1) twice = true;
                    ++worked;
                    --inside;
                    queue.done(*key);
                }
            });
        }
        for (int i = 0; i < 1000; ++i) queue.add("only");
        queue.add_after("only", std::chrono::milliseconds(1));
        while (worked == 0 || queue.depth() > 0) std::this_thread::yield();
    }
    EXPECT_FALSE(twice);
}

TEST(WorkQueue, WakesEveryWaiterWhenStopped) {
    WorkQueue queue;
    std::jthread waiter([&](const std::stop_token& stop) { EXPECT_EQ(queue.take(stop), std::nullopt); });
    std::jthread delayed([&](const std::stop_token& stop) { EXPECT_EQ(queue.take(stop), std::nullopt); });
    queue.add_after("later", std::chrono::hours(100));
}

}  // namespace
}  // namespace n4b::runtime
