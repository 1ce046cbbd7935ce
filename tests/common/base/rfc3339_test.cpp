#include "common/base/rfc3339.hpp"

#include <gtest/gtest.h>

namespace n4b::base {
namespace {

TEST(Rfc3339, FormatsWholeSeconds) {
    EXPECT_EQ(format_rfc3339(SystemTime(std::chrono::milliseconds(1795379449999))), "2026-11-22T20:30:49Z");
    EXPECT_EQ(format_rfc3339_micro(SystemTime(std::chrono::milliseconds(1795379449045))),
              "2026-11-22T20:30:49.045000Z");
}

TEST(Rfc3339, ReadsFractionsAndOffsets) {
    EXPECT_EQ(parse_rfc3339("2026-11-22T20:30:49Z")->time_since_epoch().count(), 1795379449000);
    EXPECT_EQ(*parse_rfc3339("2026-11-22T21:30:49.5+01:00"),
              *parse_rfc3339("2026-11-22T20:30:49Z") + std::chrono::milliseconds(500));
    EXPECT_EQ(parse_rfc3339("2026-11-22T20:30:49.123456789Z")->time_since_epoch().count() % 1000, 123);
}

TEST(Rfc3339, RefusesWhatIsNotATime) {
    for (const char* text : {"", "2026-11-22", "2026-13-22T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z",
                             "2026-11-22T20:30:49", "2026-11-22T20:30:49Zjunk", "2026-11-22T20:30:49.Z",
                             "2026-11-22 20:30:49Z", "-026-11-22T20:30:49Z", "2026-11-22T20:30:49+1:00"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
}

}  // namespace
}  // namespace n4b::base
