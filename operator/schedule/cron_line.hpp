#pragma once

#include <bitset>
#include <chrono>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::schedule {

/// A line of cron(5): minute, hour, day of the month, month, day of the week, with lists, ranges, steps and the names
/// of months and days; or
/// @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly. A day counts when both of its fields match, or,
/// when neither begins with "*", when one does. Immutable.
class CronLine {
public:
    /// Invalid: anything else, and a line whose date never comes; the message names the field, what was found and what
    /// is expected.
    static base::Result<CronLine> parse(std::string_view text);

    [[nodiscard]] bool matches(std::chrono::year_month_day day) const;
    [[nodiscard]] const std::bitset<24>& hours() const { return hours_; }
    [[nodiscard]] const std::bitset<60>& minutes() const { return minutes_; }
    /// Whether the line names its hours, so that each means one run a day whatever the clocks do. One with "*" or a
    /// step means all hours that the clocks show.
    [[nodiscard]] bool has_fixed_hours() const { return fixed_hours_; }

private:
    CronLine() = default;
    [[nodiscard]] bool ever_comes() const;

    std::bitset<60> minutes_;
    std::bitset<24> hours_;
    std::bitset<32> days_;
    std::bitset<13> months_;
    std::bitset<7> weekdays_;  ///< Sunday is 0
    bool fixed_hours_ = true;
    bool either_day_ = false;  ///< both fields of the day name some: one of them is enough
};

}  // namespace n4b::schedule
