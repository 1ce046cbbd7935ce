#include "common/base/http_date.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace n4b::base {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// A number of exactly these digits; -1 when another character is among them.
int number(std::string_view text, std::size_t from, std::size_t digits) {
    int value = 0;
    const auto part = text.substr(from, digits);
    const auto read = std::from_chars(part.data(), part.data() + part.size(), value);
    const bool whole = read.ec == std::errc{} && read.ptr == part.data() + part.size();
    return whole && part.front() != '-' ? value : -1;
}

}  // namespace

std::optional<SystemTime> parse_http_date(std::string_view text) {
    constexpr std::string_view kShape = "???, ?? ??? ???? ??:??:?? GMT";
    if (text.size() != kShape.size()) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (kShape[i] != '?' && text[i] != kShape[i]) return std::nullopt;
    }
    const auto* const month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
    const int day = number(text, 5, 2);
    const int year = number(text, 12, 4);
    const int hour = number(text, 17, 2);
    const int minute = number(text, 20, 2);
    const int second = number(text, 23, 2);
    if (month == kMonths.end() || day < 0 || year < 0) return std::nullopt;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

}  // namespace n4b::base
