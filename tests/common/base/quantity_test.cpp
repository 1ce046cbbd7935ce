#include "common/base/quantity.hpp"

#include <gtest/gtest.h>

namespace n4b::base {
namespace {

TEST(Quantity, TableOfTexts) {
    EXPECT_EQ(*parse_quantity("0"), 0);
    EXPECT_EQ(*parse_quantity("1048576"), 1048576);
    EXPECT_EQ(*parse_quantity("100Mi"), 100 * 1048576);
    EXPECT_EQ(*parse_quantity("1.5G"), 1'500'000'000);
    EXPECT_EQ(*parse_quantity("800k"), 800'000);
    EXPECT_EQ(*parse_quantity("1500m"), 1);
    EXPECT_EQ(*parse_quantity("1Ti"), std::int64_t{1} << 40);
    for (const char* wrong : {"", "Mi", "-1", "1 Mi", "1mi", "1Mb", "1e3", "nan", "inf", "99999999Ti"}) {
        EXPECT_FALSE(parse_quantity(wrong)) << wrong;
    }
}

TEST(BytesForPeople, StandInTheUnitThatKeepsThemShort) {
    EXPECT_EQ(bytes_for_people(0), "0 B");
    EXPECT_EQ(bytes_for_people(1023), "1023 B");
    EXPECT_EQ(bytes_for_people(1024), "1.0 KiB");
    EXPECT_EQ(bytes_for_people(1024 * 1024 - 1), "1.0 MiB") << "never 1024.0 of a unit";
    EXPECT_EQ(bytes_for_people(1'181'116'006), "1.1 GiB");
    EXPECT_EQ(bytes_for_people(std::int64_t{5} << 50), "5.0 PiB");
    EXPECT_EQ(bytes_for_people(INT64_MAX), "8192.0 PiB");
}

}  // namespace
}  // namespace n4b::base
