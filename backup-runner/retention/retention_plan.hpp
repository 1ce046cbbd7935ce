#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
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

/// A chain of one source and database, as its storage has it.
struct Chain {
    std::string name;
    sys_seconds restorable_from;  ///< the commit time of the first transaction that it can be restored to
    sys_seconds recoverable_to;   ///< that of the last one; not before restorable_from
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
    kNewest,          ///< of those that can be restored
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

/// Which chains of one source and database stay and which go. Chains are counted that can be restored and are `ours`.
/// There is no clock in it: `within` counts back from the newest transaction that can be restored, so that neither time
/// that passes without a backup nor a clock that is wrong takes a chain away.
Plan plan_retention(const KeepRules& rules, const std::vector<Chain>& chains, const calendar::TimeZone& zone);

}  // namespace n4b::retention
