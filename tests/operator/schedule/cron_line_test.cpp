#include "operator/schedule/cron_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostream>
#include <string>
#include <vector>

namespace n4b::schedule {
namespace {

using std::chrono::year_month_day;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

template <std::size_t N>
std::vector<std::size_t> values(const std::bitset<N>& set) {
    std::vector<std::size_t> result;
    for (std::size_t value = 0; value < N; ++value)
        if (set.test(value)) result.push_back(value);
    return result;
}

CronLine parsed(std::string_view text) {
    const auto line = CronLine::parse(text);
    EXPECT_TRUE(line) << text << ": " << line.error().message;
    return line.value();
}

TEST(CronLine, ReadsValuesRangesStepsAndLists) {
    const auto line = parsed("0,30 1-3,20-23/2,5 * * *");
    EXPECT_THAT(values(line.minutes()), ElementsAre(0, 30));
    EXPECT_THAT(values(line.hours()), ElementsAre(1, 2, 3, 5, 20, 22));
    EXPECT_THAT(values(parsed("5/20 0 * * *").minutes()), ElementsAre(5, 25, 45));
    EXPECT_THAT(values(parsed("*/25\t0 * *  *").minutes()), ElementsAre(0, 25, 50));
}

TEST(CronLine, KnowsNamesOfMonthsAndDaysInAnyCase) {
    const auto line = parsed("0 0 * jan,JUN-Aug Mon-fri");
    EXPECT_TRUE(line.matches(2026y / 7 / 1));   // a Wednesday
    EXPECT_FALSE(line.matches(2026y / 7 / 4));  // a Saturday
    EXPECT_FALSE(line.matches(2026y / 3 / 4));
}

TEST(CronLine, TakesBothZeroAndSevenForSunday) {
    for (const auto* text : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun"}) {
        EXPECT_TRUE(parsed(text).matches(2026y / 11 / 29)) << text;
        EXPECT_FALSE(parsed(text).matches(2026y / 11 / 28)) << text;
    }
    EXPECT_TRUE(parsed("0 0 * * 5-7").matches(2026y / 11 / 29));
}

TEST(CronLine, TakesEitherDayWhereBothFieldsNameSome) {
    const auto either = parsed("0 0 13 * fri");
    EXPECT_TRUE(either.matches(2026y / 11 / 27));  // a Friday
    EXPECT_TRUE(either.matches(2026y / 10 / 13));  // a Tuesday
    EXPECT_FALSE(either.matches(2026y / 10 / 14));
    const auto both = parsed("0 0 */2 * fri");
    EXPECT_TRUE(both.matches(2026y / 11 / 27));
    EXPECT_FALSE(both.matches(2026y / 11 / 20)) << "not an odd day";
    EXPECT_FALSE(both.matches(2026y / 11 / 25)) << "not a Friday";
}

TEST(CronLine, KnowsMacros) {
    EXPECT_TRUE(parsed("@weekly").matches(2026y / 11 / 29));
    EXPECT_FALSE(parsed("@weekly").matches(2026y / 11 / 30));
    EXPECT_TRUE(parsed("@Yearly").matches(2026y / 1 / 1));
    EXPECT_TRUE(parsed("@monthly").matches(2026y / 2 / 1));
    EXPECT_EQ(values(parsed("@hourly").hours()).size(), 24);
    EXPECT_TRUE(parsed("@daily").has_fixed_hours());
    EXPECT_FALSE(parsed("@hourly").has_fixed_hours());
}

TEST(CronLine, TellsFixedHoursFromThoseThatRunThrough) {
    EXPECT_TRUE(parsed("*/5 2 * * *").has_fixed_hours());
    EXPECT_TRUE(parsed("0 1-5,7 * * *").has_fixed_hours());
    EXPECT_FALSE(parsed("0 * * * *").has_fixed_hours());
    EXPECT_FALSE(parsed("0 */2 * * *").has_fixed_hours());
    EXPECT_FALSE(parsed("0 1,8-20/2 * * *").has_fixed_hours());
}

struct Refusal {
    const char* name;
    const char* line;
    const char* message;
};
void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << refusal.name;
}
class CronRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(CronRefusal, SaysWhatWasFoundAndWhatIsExpected) {
    const auto line = CronLine::parse(GetParam().line);
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().code, base::ErrorCode::kInvalid);
    EXPECT_THAT(line.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, CronRefusal,
    testing::Values(
        Refusal{"Nothing", "", "found 0 fields; expected five: minute, hour"},
        Refusal{
            "Seconds", "0 0 3 * * *",
            "found 6 fields; expected five: minute, hour, day of the month, month, day of the week; there is none for"},
        Refusal{"Zone", "TZ=Europe/Berlin 0 3 * * *",
                "found \"TZ=Europe/Berlin\"; expected five fields, and the zone in timeZone"},
        Refusal{"OtherZone", "CRON_TZ=UTC 0 3 * * *", "and the zone in timeZone"},
        Refusal{"Reboot", "@reboot", "found \"@reboot\"; expected @hourly"},
        Refusal{"Every", "@every 5m", "found \"@every 5m\"; expected @hourly"},
        Refusal{"MinuteTooHigh", "60 3 * * *", "the minute: found \"60\"; expected 0 to 59"},
        Refusal{"Negative", "-1 3 * * *", "the minute: found \"\"; expected 0 to 59"},
        Refusal{"Plus", "+1 3 * * *", "the minute: found \"+1\""},
        Refusal{"DayZero", "0 3 0 * *", "the day of the month: found \"0\"; expected 1 to 31"},
        Refusal{"Word", "0 3 * * weekday", "the day of the week: found \"weekday\"; expected 0 to 7 or sun to sat"},
        Refusal{"LastDay", "0 3 L * *", "the day of the month: found \"L\""},
        Refusal{"QuestionMark", "0 3 ? * *", "the day of the month: found \"?\""},
        Refusal{"Backwards", "0 22-4 * * *", "the hour: found \"22-4\"; expected a range whose end is not before"},
        Refusal{"StepZero", "*/0 3 * * *", "expected a step of 1 to 59 after the slash"},
        Refusal{"StepTooLong", "*/90 * * * *", "the minute: found \"*/90\"; expected a step of 1 to 59"},
        Refusal{"StepWithoutNumber", "*/ * * * *", "expected a step"},
        Refusal{"TwoSteps", "*/5/5 * * * *", "expected a step"},
        Refusal{"EmptyPart", "0,,5 * * * *", "the minute: found \"0,,5\"; expected values between its commas"},
        Refusal{"ThirtiethOfFebruary", "0 0 30 2 *", "found \"30 2 *\" for the day; expected one that some year has"},
        Refusal{"ThirtyFirstOfShortMonths", "0 0 31 feb,apr,jun,9,11 *",
                "for the day; expected one that some year has"}),
    [](const auto& refusal) { return refusal.param.name; });

TEST(CronLine, TakesDatesThatComeRarely) {
    EXPECT_TRUE(CronLine::parse("0 0 29 2 *"));
    EXPECT_TRUE(CronLine::parse("0 0 29 2 */6"));
    EXPECT_TRUE(CronLine::parse("0 0 30 2 mon")) << "on every Monday of February";
}

TEST(CronLine, RefusesALineWithoutEnd) {
    EXPECT_FALSE(CronLine::parse(std::string(300, '1')));
}

}  // namespace
}  // namespace n4b::schedule
