#pragma once

#include <optional>

#include "common/calendar/time_zone.hpp"
#include "operator/schedule/cron_line.hpp"

namespace n4b::schedule {

using calendar::ClockChange;
using calendar::TimeZone;
using std::chrono::local_seconds;
using std::chrono::sys_seconds;

/// One time at which a line is due.
struct Slot {
    sys_seconds at;  ///< a whole minute of local time
    local_seconds
        meant;  ///< the first local time of the line that it stands for: another than clocks show where that is skipped
    ClockChange change = ClockChange::kNone;  ///< what clocks do at `meant`
};

/// The first slot after that instant, or nothing where none comes within 41 years (February 29 on a certain day of the
/// week comes after 40 at the latest). A line with fixed hours is due once for each local time that it names: at the
/// first instant after skipped ones, where clocks are set forward across that local time, together with all others that
/// are skipped then; at the first of two, where clocks are set back. Any other line is due whenever clocks show a time
/// that matches.
std::optional<Slot> next_slot(const CronLine& line, const TimeZone& zone, sys_seconds after);

/// The last slot at or before that instant and after `since`, or nothing.
std::optional<Slot> last_slot(const CronLine& line, const TimeZone& zone, sys_seconds since, sys_seconds until);

}  // namespace n4b::schedule
