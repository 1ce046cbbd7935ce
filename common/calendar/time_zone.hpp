#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::calendar {

using std::chrono::local_seconds;
using std::chrono::sys_seconds;

/// What clocks of a zone do at a local time.
enum class ClockChange {
    kNone,      ///< They show it once.
    kSkipped,   ///< They never show it: they are set forward across it.
    kRepeated,  ///< They show it twice: they are set back across it.
};

/// The instant at which clocks show a local time.
struct Placed {
    sys_seconds at;  ///< kSkipped: the first instant after the skipped ones. kRepeated: the first of the two.
    ClockChange change = ClockChange::kNone;
};

/// A stretch of time over which a zone's offset stays the same.
struct OffsetSpan {
    sys_seconds end;  ///< the first instant that no longer belongs to it; sys_seconds::max() where it never ends
    std::chrono::seconds offset{};  ///< local time minus UTC
};

/// A zone of the IANA time zone database, as the machine's tzdata has it, also for the years after its table ends.
/// Immutable, cheap to copy.
class TimeZone {
public:
    /// The zone of that name, "Europe/Berlin" for example; an empty name is UTC. Invalid: tzdata has no such zone, or
    /// the name means whatever this machine is set to ("localtime"). Reads a file the first time that a name is asked
    /// for.
    static base::Result<TimeZone> find(std::string_view name);

    [[nodiscard]] Placed place(local_seconds local) const;
    [[nodiscard]] OffsetSpan span_at(sys_seconds at) const;
    [[nodiscard]] local_seconds to_local(sys_seconds at) const {
        return local_seconds((at + span_at(at).offset).time_since_epoch());
    }
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    struct Zone;
    TimeZone(std::string name, std::shared_ptr<const Zone> zone);

    std::string name_;
    std::shared_ptr<const Zone> zone_;
};

}  // namespace n4b::calendar
