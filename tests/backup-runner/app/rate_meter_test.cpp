#include "backup-runner/app/rate_meter.hpp"

#include <gtest/gtest.h>

namespace n4b::runner {
namespace {

using namespace std::chrono_literals;

TEST(RateMeter, TellsTheRateOfTheLastWindow) {
    const base::SteadyTime start{};
    RateMeter meter(start);
    EXPECT_EQ(meter.look(500, start + 1s), 0) << "too early to tell";
    EXPECT_EQ(meter.look(1000, start + 2s), 500);
    EXPECT_EQ(meter.look(9000, start + 3s), 500) << "the last known one";
    EXPECT_EQ(meter.look(9000, start + 12s), 800);
    EXPECT_EQ(meter.look(9000, start + 22s), 0) << "nothing flows any more";
    EXPECT_EQ(meter.look(100, start + 24s), 0) << "it was begun anew";
    EXPECT_EQ(meter.look(300, start + 26s), 100);
}

}  // namespace
}  // namespace n4b::runner
