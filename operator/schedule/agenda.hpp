#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/schedule/slots.hpp"

namespace n4b::schedule {

enum class RunType { kFull, kIncremental };

/// What becomes of a slot that is found later than it may begin.
enum class MissedRunPolicy {
    kSkip,     ///< The next one is waited for.
    kRunOnce,  ///< The newest one is begun, however many there are.
};

/// What becomes of a slot while a run of the same schedule has not ended.
enum class ConcurrencyPolicy {
    kForbid,  ///< It is passed over.
    kQueue,   ///< Its run is made, and waits.
};

/// When which backups are due.
struct Cadence {
    std::string name;
    RunType type = RunType::kFull;
    std::string text;  ///< the line and its zone as written: an edit is told by it
    CronLine line;
    TimeZone zone;
};

struct Rules {
    std::vector<Cadence> cadences;
    std::chrono::seconds delay{};  ///< how long after each slot its run begins: this schedule's part of the jitter
    std::chrono::seconds starting_deadline{};  ///< how late a run may begin, after the delay
    bool suspended = false;
    MissedRunPolicy missed = MissedRunPolicy::kRunOnce;
    ConcurrencyPolicy concurrency = ConcurrencyPolicy::kForbid;
};

/// What is known of a cadence, as it stands in the schedule's status.
struct CadenceState {
    std::string text;
    sys_seconds done_until;             ///< all slots up to here are dealt with, or are none of this cadence's
    std::optional<sys_seconds> last{};  ///< the newest slot that began a run, or was covered by that of a full
    std::int64_t missed = 0;            ///< slots that began no run and were not covered, since the cadence was made
};

struct State {
    std::map<std::string, CadenceState> cadences;  ///< by name
    bool suspended = false;
};

/// A run that was begun.
struct KnownRun {
    std::string cadence;
    sys_seconds slot;
    bool ended = false;
};

/// A run to begin.
struct DueRun {
    std::string cadence;
    RunType type = RunType::kFull;
    sys_seconds slot;       ///< names the run, so that two who decide alike make one object
    sys_seconds not_after;  ///< not begun until then, the run is skipped
};

/// Why a slot began no run.
enum class PassedOver { kLate, kStillRunning };

struct Notice {
    std::string cadence;
    PassedOver why = PassedOver::kLate;
    std::int64_t slots = 0;
    sys_seconds newest;
};

struct Agenda {
    /// To be written after the runs were made. What made them and ended before it wrote this decides the same again,
    /// and finds them made.
    State state;
    std::vector<DueRun> runs;
    std::vector<Notice> notices;
    std::optional<sys_seconds> next_look;  ///< when something is due next
};

/// At most so many slots are counted at once: a clock that was years ahead must not hold up the operator.
inline constexpr std::int64_t kMostCounted = 10'000;
/// A state that is further ahead of the clock than this is the work of a clock that was wrong, and is begun anew.
/// Smaller steps back begin no slot a second time.
inline constexpr std::chrono::hours kClockTolerance{48};

/// What is due now. A cadence that is new, was edited or was suspended has no slots before now, so none of these is
/// late. A full that begins covers increments that are due. `known`: the runs of this schedule that there are.
Agenda decide(const Rules& rules, const State& state, sys_seconds now, const std::vector<KnownRun>& known);

}  // namespace n4b::schedule
