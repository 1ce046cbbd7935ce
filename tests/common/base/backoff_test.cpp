#include "common/base/backoff.hpp"

#include <gtest/gtest.h>

namespace n4b::base {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsCap) {
    const Backoff backoff{.base = milliseconds(250), .cap = milliseconds(1500)};
    EXPECT_EQ(backoff.wait(1, 0), milliseconds(250));
    EXPECT_EQ(backoff.wait(2, 0), milliseconds(500));
    EXPECT_EQ(backoff.wait(3, 0), milliseconds(1000));
    EXPECT_EQ(backoff.wait(4, 0), milliseconds(1500));
}

TEST(Backoff, DoesNotOverflowAfterManyFailures) {
    const Backoff backoff{.base = milliseconds(1), .cap = std::chrono::hours(6)};
    EXPECT_EQ(backoff.wait(UINT32_MAX, 0), std::chrono::hours(6));
}

TEST(Backoff, AddsItsShareOfJitter) {
    const Backoff backoff{.base = milliseconds(1000), .cap = milliseconds(1000), .jitter = 0.5};
    EXPECT_EQ(backoff.wait(1, 0.5), milliseconds(1250));
}

}  // namespace
}  // namespace n4b::base
