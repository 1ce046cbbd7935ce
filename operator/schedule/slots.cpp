#include "operator/schedule/slots.hpp"

#include <algorithm>

namespace n4b::schedule {
namespace {

using std::chrono::ceil;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year_month_day;

constexpr days kHorizon{41 * 366};

// The first local minute from `from` on that the line names, and that lies before `end`.
std::optional<local_seconds> next_local(const CronLine& line, local_seconds from, local_seconds end) {
    for (auto day = floor<days>(from); day < end; day += days(1)) {
        if (!line.matches(year_month_day(day))) continue;
        for (std::size_t hour = 0; hour < 24; ++hour) {
            if (!line.hours().test(hour)) continue;
            for (std::size_t minute = 0; minute < 60; ++minute) {
                const local_seconds time = day + hours(hour) + minutes(minute);
                if (line.minutes().test(minute) && time >= from) return time < end ? std::optional(time) : std::nullopt;
            }
        }
    }
    return std::nullopt;
}

// An instant stands for all local times up to what clocks show then, those that were skipped among them, unless clocks
// have shown more before. So what is due next has a later local time than clocks show now; and of later ones those were
// due already that clocks, which have been set back since, show for the second time.
std::optional<Slot> next_fixed(const CronLine& line, const TimeZone& zone, sys_seconds after) {
    auto from = zone.to_local(after) + seconds(1);
    const auto end = from + kHorizon;
    while (const auto time = next_local(line, from, end)) {
        const auto placed = zone.place(*time);
        if (placed.at > after) return Slot{.at = placed.at, .meant = *time, .change = placed.change};
        from = *time + minutes(1);
    }
    return std::nullopt;
}

std::optional<Slot> next_shown(const CronLine& line, const TimeZone& zone, sys_seconds after) {
    const auto last = after + kHorizon;
    for (auto at = after + seconds(1); at < last;) {
        const auto span = zone.span_at(at);
        const auto end = std::min(span.end, last);
        const auto local = [&](sys_seconds time) { return local_seconds((time + span.offset).time_since_epoch()); };
        if (const auto time = next_local(line, ceil<minutes>(local(at)), local(end)))
            return Slot{.at = sys_seconds((*time - span.offset).time_since_epoch()),
                        .meant = *time,
                        .change = zone.place(*time).change};
        at = end;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Slot> next_slot(const CronLine& line, const TimeZone& zone, sys_seconds after) {
    return line.has_fixed_hours() ? next_fixed(line, zone, after) : next_shown(line, zone, after);
}

std::optional<Slot> last_slot(const CronLine& line, const TimeZone& zone, sys_seconds since, sys_seconds until) {
    // Lines are read forwards only. A window that is widened until it holds a slot is short where slots are close
    // together.
    for (auto window = seconds(hours(1));; window *= 24) {
        const auto begin = std::max(since, until - window);
        std::optional<Slot> last;
        for (auto slot = next_slot(line, zone, begin); slot && slot->at <= until;
             slot = next_slot(line, zone, slot->at))
            last = slot;
        if (last || begin == since) return last;
    }
}

}  // namespace n4b::schedule
