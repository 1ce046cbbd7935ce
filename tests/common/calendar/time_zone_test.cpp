#include "common/calendar/time_zone.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace n4b::calendar {
namespace {

TEST(TimeZone, RefusesWhatIsNoZone) {
    for (const auto* name : {"Europe/Atlantis", "localtime", "../../etc/passwd", "/etc/localtime", "Fixed/UTC+01:00:00",
                             "libc:localtime", "+01:00"}) {
        const auto zone = TimeZone::find(name);
        ASSERT_FALSE(zone) << name;
        EXPECT_EQ(zone.error().code, base::ErrorCode::kInvalid);
        EXPECT_THAT(zone.error().message,
                    testing::HasSubstr(std::string("found \"") + name + "\"; expected the name of a zone"));
    }
}

}  // namespace
}  // namespace n4b::calendar
