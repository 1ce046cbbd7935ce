#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/calendar/time_zone.hpp"

namespace n4b::retention {

using std::chrono::sys_seconds;

/// Which chains stay. A chain stays when one of the rules wants it; where there is no rule at all, all stay.
struct KeepRules {
    int last = 0;                                  ///< the newest chains
    std::optional<std::chrono::seconds> within{};  ///< whatever is needed to restore to any time from so long ago on
    int daily = 0;                                 ///< the newest chain of each of so many days that have one
    int weekly = 0;                                ///< of weeks, which begin on Monday
    int monthly = 0;
    int yearly = 0;
    int minimum_chains = 1;  ///< never fewer; at least one, whatever is said

    [[nodiscard]] bool any() const;
};

/// A chain of one source and database, as its storage has it. Its times are by the storage's clock; one time of the
/// source's clock is told apart, since a source may have been set back, or may have committed in the far future once.
struct Chain {
    std::string name;
    sys_seconds began;            ///< as its name tells: the chain with the latest is what increments go on from
    sys_seconds restorable_from;  ///< when its full was finished
    sys_seconds recoverable_to;   ///< when its last backup was finished, or found nothing new; not before the full was
    sys_seconds last_commit{};    ///< by the source's clock: of its last transaction
    bool restorable = true;       ///< nobody has found it damaged, and it can be read
    bool verified = false;        ///< all of it was read back, and found sound
    bool ours = true;             ///< the schedule whose rules these are made its full
    bool held = false;            ///< somebody has asked for it to stay
    std::int64_t stored_bytes = 0;
};

/// Why a chain stays, the first that applies; or that nothing keeps it.
enum class Why {
    kNoRules,
    kNotOurs,
    kHeld,
    kFromTheFuture,   ///< its times lie ahead of the storage's clock, which was wrong then or is now
    kNewest,          ///< of those that can be restored: the last one that began, and the one with the latest commit
    kNewestVerified,  ///< one that was not looked at pushes out none that was
    kLast,
    kWithin,
    kDaily,
    kWeekly,
    kMonthly,
    kYearly,
    kMinimum,
    kDamagedButRecent,  ///< it can't be restored, and something that is as old still stays
    kNothing,
};

/// One word, as in JSON and in a schedule's status: "Newest" for example.
std::string_view name_of(Why why);

struct Verdict {
    std::string chain;
    Why why = Why::kNothing;
    std::int64_t stored_bytes = 0;

    [[nodiscard]] bool stays() const { return why != Why::kNothing; }
};

struct Plan {
    std::vector<Verdict> verdicts;  ///< of every chain, the newest first
    std::int64_t freed_bytes = 0;   ///< what those have that go
};

/// Chains further ahead of the storage's clock than this are kept and count for no rule.
inline constexpr std::chrono::hours kClockTolerance{48};

/// Which chains of one source and database stay and which go. Chains are counted that can be restored and are `ours`.
/// `now` is the storage's clock, and serves only to tell times that can't be right. `within` counts back from the
/// newest backup, so that time that passes without one takes no chain away, and never from later than `now`.
Plan plan_retention(const KeepRules& rules, const std::vector<Chain>& chains, const calendar::TimeZone& zone,
                    sys_seconds now);

}  // namespace n4b::retention
