#include "operator/controllers/run_slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::controllers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RunSlots, OneRunAGroup) {
    RunSlots slots(10);
    EXPECT_FALSE(slots.acquire("a", "g"));
    EXPECT_FALSE(slots.acquire("a", "g")) << "who has it keeps it";
    EXPECT_THAT(*slots.acquire("b", "g"), HasSubstr("another backup of the same source and database runs"));
    EXPECT_FALSE(slots.acquire("c", "h"));
    EXPECT_THAT(slots.release("a"), ElementsAre("b"));
    EXPECT_FALSE(slots.acquire("b", "g"));
}

TEST(RunSlots, LimitOverAll) {
    RunSlots slots(1);
    EXPECT_FALSE(slots.acquire("a", "g"));
    EXPECT_THAT(*slots.acquire("b", "h"), HasSubstr("limit"));
    EXPECT_THAT(*slots.acquire("c", "i"), HasSubstr("limit"));
    EXPECT_THAT(slots.release("a"), ElementsAre("b", "c"));
}

TEST(RunSlots, WakesTheWaitersOfItsGroupFirst) {
    RunSlots slots(2);
    slots.acquire("a", "g");
    slots.acquire("b", "h");
    for (int i = 0; i < 40; ++i) slots.acquire("other " + std::to_string(i), "h");
    slots.acquire("c", "g");
    slots.acquire("d", "g");
    const auto woken = slots.release("a");
    ASSERT_EQ(woken.size(), 32U);
    EXPECT_THAT(std::vector(woken.begin(), woken.begin() + 3), ElementsAre("c", "d", "other 0"));
}

TEST(RunSlots, TellsTheSameWhoeverRuns) {
    RunSlots slots(10);
    slots.acquire("a", "g");
    const auto before = slots.acquire("c", "g");
    slots.release("a");
    slots.acquire("b", "g");
    EXPECT_EQ(slots.acquire("c", "g"), before) << "or each that waits is written whenever another one runs";
}

TEST(RunSlots, RunsUnderWayAreHeldWhateverTheLimit) {
    RunSlots slots(1);
    slots.hold("a", "g");
    slots.hold("b", "g");
    EXPECT_EQ(slots.held(), 2U);
    EXPECT_TRUE(slots.acquire("c", "h"));
    EXPECT_THAT(slots.release("b"), ElementsAre("c"));
    EXPECT_TRUE(slots.acquire("d", "g")) << "a still runs";
}

TEST(RunSlots, AnObjectMadeAnewWithAnotherSourceLeavesTheFirst) {
    for (const bool under_way : {false, true}) {
        RunSlots slots(10);
        EXPECT_FALSE(slots.acquire("a", "g"));
        if (under_way) {
            slots.hold("a", "h");
        } else {
            EXPECT_FALSE(slots.acquire("a", "h"));
        }
        EXPECT_THAT(*slots.acquire("c", "h"), HasSubstr("another backup of the same source and database runs"));
        EXPECT_FALSE(slots.acquire("b", "g"));
        slots.release("a");
        EXPECT_FALSE(slots.acquire("c", "h"));
    }
}

TEST(RunSlots, AWaiterThatGoesIsForgotten) {
    RunSlots slots(1);
    slots.acquire("a", "g");
    slots.acquire("b", "g");
    slots.release("b");
    EXPECT_THAT(slots.release("a"), ElementsAre());
}

}  // namespace
}  // namespace n4b::controllers
