#include "operator/app/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/rfc3339.hpp"

namespace n4b::operator_app {
namespace {

using testing::HasSubstr;

ExplainRequest request(std::string line, std::string zone) {
    return {.line = std::move(line),
            .time_zone = std::move(zone),
            .from = base::parse_rfc3339("2026-03-27T12:00:00Z").value(),
            .count = 3};
}

TEST(Explain, TellsLocalTimesWithTheirOffset) {
    EXPECT_EQ(explain(request("30 2 * * *", "Europe/Berlin")).value(),
              "2026-03-28T02:30:00+01:00\n2026-03-29T03:00:00+02:00\n2026-03-30T02:30:00+02:00\n");
    EXPECT_EQ(explain(request("0 12 1 1 *", "America/St_Johns")).value(),
              "2027-01-01T12:00:00-03:30\n2028-01-01T12:00:00-03:30\n2029-01-01T12:00:00-03:30\n");
    EXPECT_EQ(explain(request("@hourly", "")).value(),
              "2026-03-27T13:00:00+00:00\n2026-03-27T14:00:00+00:00\n2026-03-27T15:00:00+00:00\n");
}

TEST(Explain, SaysWhatIsWrong) {
    EXPECT_THAT(explain(request("0 0 3 * * *", "")).error().message, HasSubstr("the line: found 6 fields"));
    EXPECT_THAT(explain(request("@daily", "Europe/Atlantis")).error().message,
                HasSubstr("--time-zone: found \"Europe/Atlantis\""));
}

}  // namespace
}  // namespace n4b::operator_app
