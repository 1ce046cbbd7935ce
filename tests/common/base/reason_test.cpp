#include "common/base/reason.hpp"

#include <gtest/gtest.h>

namespace n4b::base {
namespace {

TEST(Reason, EveryValueHasANameOfItsOwnThatParsesBack) {
    for (int i = 0; i <= static_cast<int>(Reason::kCertificateExpiresSoon); ++i) {
        const auto reason = static_cast<Reason>(i);
        EXPECT_EQ(parse_reason(to_string(reason)), reason) << i;
    }
}

TEST(Reason, RefusesNamesOutsideTheList) {
    EXPECT_EQ(parse_reason("Nonsense"), std::nullopt);
    EXPECT_EQ(parse_reason(""), std::nullopt);
}

}  // namespace
}  // namespace n4b::base
