#include "common/base/rfc3339.hpp"

#include <fmt/format.h>

#include <charconv>

namespace n4b::base {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::milliseconds;
using std::chrono::year_month_day;

/// Reads exactly `digits` decimal digits at `pos` and moves past them; -1 when there are fewer.
int take_number(std::string_view text, std::size_t& pos, std::size_t digits) {
    if (text.size() < pos + digits) return -1;
    int value = 0;
    const auto* end = text.data() + pos + digits;
    const auto [stop, error] = std::from_chars(text.data() + pos, end, value);
    if (error != std::errc() || stop != end || text[pos] == '-') return -1;
    pos += digits;
    return value;
}

bool take(std::string_view text, std::size_t& pos, char expected) {
    if (pos >= text.size() || text[pos] != expected) return false;
    ++pos;
    return true;
}

/// The fraction after the seconds in milliseconds; digits beyond the third are dropped. -1 when there is no digit.
int take_fraction(std::string_view text, std::size_t& pos) {
    int millis = 0;
    int digits = 0;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, ++digits) {
        if (digits < 3) millis = millis * 10 + (text[pos] - '0');
    }
    for (int i = digits; i < 3; ++i) millis *= 10;
    return digits == 0 ? -1 : millis;
}

/// Minutes east of UTC, or nothing when the zone is malformed or text follows it.
std::optional<int> take_zone(std::string_view text, std::size_t pos) {
    if (take(text, pos, 'Z') || take(text, pos, 'z')) return pos == text.size() ? std::optional(0) : std::nullopt;
    const bool east = take(text, pos, '+');
    if (!east && !take(text, pos, '-')) return std::nullopt;
    const int hours = take_number(text, pos, 2);
    if (!take(text, pos, ':')) return std::nullopt;
    const int minutes = take_number(text, pos, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || pos != text.size()) return std::nullopt;
    return (east ? 1 : -1) * (hours * 60 + minutes);
}

}  // namespace

std::string format_rfc3339(SystemTime time) {
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<std::chrono::seconds>(time - day));
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

std::string format_rfc3339_micro(SystemTime time) {
    auto text = format_rfc3339(time);
    const auto millis = (time - floor<std::chrono::seconds>(time)).count();
    text.pop_back();
    return text + fmt::format(".{:03}000Z", millis);
}

Result<SystemTime> parse_rfc3339(std::string_view text) {
    const auto bad = [&] {
        return fail(ErrorCode::kInvalid,
                    fmt::format("\"{}\" is not an RFC 3339 time such as 2026-11-22T21:50:49Z", text.substr(0, 64)));
    };
    std::size_t pos = 0;
    const int year = take_number(text, pos, 4);
    if (!take(text, pos, '-')) return bad();
    const int month = take_number(text, pos, 2);
    if (!take(text, pos, '-')) return bad();
    const int day = take_number(text, pos, 2);
    if (!take(text, pos, 'T') && !take(text, pos, 't')) return bad();
    const int hour = take_number(text, pos, 2);
    if (!take(text, pos, ':')) return bad();
    const int minute = take_number(text, pos, 2);
    if (!take(text, pos, ':')) return bad();
    const int second = take_number(text, pos, 2);
    const int millis = take(text, pos, '.') ? take_fraction(text, pos) : 0;
    const auto zone = take_zone(text, pos);
    const auto date = std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
                      std::chrono::day(static_cast<unsigned>(day));
    if (year < 0 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60 || millis < 0 || !zone) {
        return bad();
    }
    return SystemTime(std::chrono::sys_days(date).time_since_epoch()) + std::chrono::hours(hour) +
           std::chrono::minutes(minute - *zone) + std::chrono::seconds(second) + milliseconds(millis);
}

}  // namespace n4b::base
