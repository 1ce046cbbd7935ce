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

}  // namespace
}  // namespace n4b::base
