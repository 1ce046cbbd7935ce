#include "operator/schedule/slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "common/base/rfc3339.hpp"

namespace n4b::schedule {
namespace {

using testing::ElementsAre;

sys_seconds at(std::string_view text) {
    return std::chrono::floor<std::chrono::seconds>(base::parse_rfc3339(text).value());
}

std::vector<std::string> next(std::string_view cron, std::string_view zone, std::string_view after, int count) {
    const auto line = CronLine::parse(cron).value();
    const auto where = TimeZone::find(zone).value();
    std::vector<std::string> times;
    auto time = at(after);
    for (int i = 0; i < count; ++i) {
        const auto slot = next_slot(line, where, time);
        if (!slot) break;
        time = slot->at;
        times.push_back(base::format_rfc3339(time));
    }
    return times;
}

TEST(Slots, AreInTheZoneOfTheLine) {
    EXPECT_THAT(next("0 3 * * *", "", "2026-07-01T03:00:00Z", 2),
                ElementsAre("2026-07-02T03:00:00Z", "2026-07-03T03:00:00Z"));
    EXPECT_THAT(next("0 3 * * *", "Europe/Berlin", "2026-07-01T00:59:59Z", 1), ElementsAre("2026-07-01T01:00:00Z"));
    EXPECT_THAT(next("45 5 * * *", "Asia/Kathmandu", "2026-07-01T00:00:00Z", 2),
                ElementsAre("2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z"));
}

TEST(Slots, OfAFixedHourThatIsSkippedComeOnceAtTheFirstValidMinute) {
    EXPECT_THAT(next("*/15 2 * * *", "Europe/Berlin", "2026-03-28T01:45:00Z", 2),
                ElementsAre("2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"));
    EXPECT_THAT(next("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
                ElementsAre("2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"))
        << "three o'clock is the first valid minute, and due itself: once, for both";
    EXPECT_THAT(next("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", 1), ElementsAre("2026-03-28T22:00:00Z"))
        << "midnight";
    EXPECT_THAT(next("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 1),
                ElementsAre("2026-10-03T15:30:00Z"))
        << "half an hour";
}

TEST(Slots, OfAFixedHourThatIsRepeatedComeOnceTheFirstTime) {
    EXPECT_THAT(next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
                ElementsAre("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"));
    EXPECT_THAT(next("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", 1), ElementsAre("2026-10-26T01:00:00Z"))
        << "asked within the repeated hour";
}

TEST(Slots, OfALineThatRunsThroughComeWheneverClocksShowThem) {
    EXPECT_THAT(next("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", 3),
                ElementsAre("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"));
    EXPECT_THAT(next("0 */2 * * *", "Europe/Berlin", "2026-03-28T22:30:00Z", 2),
                ElementsAre("2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z"))
        << "two o'clock is skipped";
    EXPECT_THAT(next("30 */2 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 3),
                ElementsAre("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T03:30:00Z"))
        << "half past two comes twice";
}

TEST(Slots, TellWhyTheyDifferFromTheirLine) {
    const auto zone = TimeZone::find("Europe/Berlin").value();
    const auto skipped = next_slot(CronLine::parse("30 2 * * *").value(), zone, at("2026-03-28T12:00:00Z"));
    ASSERT_TRUE(skipped);
    EXPECT_EQ(skipped->change, ClockChange::kSkipped);
    EXPECT_EQ(skipped->meant, std::chrono::local_days(std::chrono::year(2026) / 3 / 29) + std::chrono::minutes(150));
    EXPECT_EQ(next_slot(CronLine::parse("30 2 * * *").value(), zone, at("2026-10-24T12:00:00Z"))->change,
              ClockChange::kRepeated);
    EXPECT_EQ(next_slot(CronLine::parse("30 2 * * *").value(), zone, at("2026-07-24T12:00:00Z"))->change,
              ClockChange::kNone);
}

TEST(Slots, OfRareDatesAreFound) {
    EXPECT_THAT(next("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), ElementsAre("2104-02-29T00:00:00Z"));
    EXPECT_THAT(next("0 0 29 2 */6", "UTC", "2026-01-01T00:00:00Z", 2),
                ElementsAre("2032-02-29T00:00:00Z", "2048-02-29T00:00:00Z"));
}

// Of the years after 2037 the tables of tzdata say nothing, only its rules.
TEST(Slots, KnowTheRulesBeyondTheTables) {
    EXPECT_THAT(next("0 3 * * *", "Europe/Berlin", "2060-07-01T00:00:00Z", 1), ElementsAre("2060-07-01T01:00:00Z"));
}

}  // namespace
}  // namespace n4b::schedule
