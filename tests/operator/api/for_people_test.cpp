#include "operator/api/for_people.hpp"

#include <gtest/gtest.h>

namespace n4b::api {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(ForPeople, Spans) {
    EXPECT_EQ(span_for_people(milliseconds(0)), "0s");
    EXPECT_EQ(span_for_people(milliseconds(-5000)), "0s") << "two clocks differ";
    EXPECT_EQ(span_for_people(milliseconds(1499)), "1s");
    EXPECT_EQ(span_for_people(seconds(32)), "32s");
    EXPECT_EQ(span_for_people(milliseconds(59'600)), "1m0s");
    EXPECT_EQ(span_for_people(minutes(5) + seconds(12)), "5m12s");
    EXPECT_EQ(span_for_people(hours(3) + minutes(20) + seconds(59)), "3h20m");
}

}  // namespace
}  // namespace n4b::api
