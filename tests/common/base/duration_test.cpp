#include "common/base/duration.hpp"

#include <gtest/gtest.h>

namespace n4b::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Duration, TableOfTexts) {
    EXPECT_EQ(*parse_duration("90s"), seconds(90));
    EXPECT_EQ(*parse_duration("1h30m"), std::chrono::minutes(90));
    EXPECT_EQ(*parse_duration("1.5h"), std::chrono::minutes(90));
    EXPECT_EQ(*parse_duration("100ms"), milliseconds(100));
    for (const char* wrong : {"", "10", "s", "-1s", "1d", "9000h", "1e9h", "nan", "1s "}) {
        EXPECT_FALSE(parse_duration(wrong)) << wrong;
    }
}

TEST(Duration, ForPeopleHasAtMostTwoUnits) {
    EXPECT_EQ(format_duration(seconds(0)), "0s");
    EXPECT_EQ(format_duration(seconds(59)), "59s");
    EXPECT_EQ(format_duration(seconds(750)), "12m 30s");
    EXPECT_EQ(format_duration(seconds(11'130)), "3h 5m");
}

}  // namespace
}  // namespace n4b::base
