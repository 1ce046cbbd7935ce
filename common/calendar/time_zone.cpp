#include "common/calendar/time_zone.hpp"

#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace n4b::calendar {
namespace {

using std::chrono::seconds;

absl::Time to_absl(sys_seconds at) {
    return absl::FromUnixSeconds(at.time_since_epoch().count());
}

sys_seconds from_absl(absl::Time at) {
    return sys_seconds(seconds(absl::ToUnixSeconds(at)));
}

absl::CivilSecond to_civil(local_seconds local) {
    return absl::CivilSecond(1970, 1, 1) + local.time_since_epoch().count();
}

// The library knows names beyond those of the database: "localtime" is whatever the machine is set to, and so is
// "libc:...", and "Fixed/UTC+01:00:00" is an offset. A schedule that means one of them would run at another time after
// a move.
bool is_name_of_database(std::string_view name) {
    static constexpr std::array kNotZones{std::string_view("localtime"), std::string_view("posixrules"),
                                          std::string_view("Factory")};
    if (std::ranges::find(kNotZones, name) != kNotZones.end() || name.starts_with("Fixed/")) return false;
    return std::isalpha(static_cast<unsigned char>(name.front())) != 0 && name.find("..") == std::string_view::npos &&
           std::ranges::all_of(name, [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
           });
}

}  // namespace

struct TimeZone::Zone {
    absl::TimeZone zone;
};

TimeZone::TimeZone(std::string name, std::shared_ptr<const Zone> zone)
    : name_(std::move(name)), zone_(std::move(zone)) {}

base::Result<TimeZone> TimeZone::find(std::string_view name) {
    if (name.empty()) return TimeZone("UTC", std::make_shared<Zone>(Zone{absl::UTCTimeZone()}));
    absl::TimeZone zone;
    if (!is_name_of_database(name) || !absl::LoadTimeZone(std::string(name), &zone))
        return base::fail(base::ErrorCode::kInvalid,
                          "found \"" + std::string(name) +
                              "\"; expected the name of a zone of the IANA time zone database, such as Europe/Berlin");
    return TimeZone(std::string(name), std::make_shared<Zone>(Zone{zone}));
}

Placed TimeZone::place(local_seconds local) const {
    const auto info = zone_->zone.At(to_civil(local));
    switch (info.kind) {
        case absl::TimeZone::TimeInfo::UNIQUE:
            return {.at = from_absl(info.pre)};
        case absl::TimeZone::TimeInfo::SKIPPED:
            return {.at = from_absl(info.trans), .change = ClockChange::kSkipped};
        case absl::TimeZone::TimeInfo::REPEATED:
            return {.at = from_absl(info.pre), .change = ClockChange::kRepeated};
    }
    return {.at = from_absl(info.pre)};
}

OffsetSpan TimeZone::span_at(sys_seconds at) const {
    OffsetSpan span{.end = sys_seconds::max(), .offset = seconds(zone_->zone.At(to_absl(at)).offset)};
    absl::TimeZone::CivilTransition change;
    if (!zone_->zone.NextTransition(to_absl(at), &change)) return span;
    // Clocks that are set forward never show `from`; those that are set back show `to` twice. Either is a local time
    // whose change is this one.
    auto around = zone_->zone.At(change.from);
    if (around.kind == absl::TimeZone::TimeInfo::UNIQUE) around = zone_->zone.At(change.to);
    span.end = from_absl(around.trans);
    return span;
}

}  // namespace n4b::calendar
