#include "backup-runner/retention/retention_plan.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace n4b::retention {
namespace {

using calendar::local_seconds;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::year_month_day;

// The chains whose time has come, with what keeps each.
class Keeper {
public:
    explicit Keeper(const std::vector<Chain>& chains) {
        for (const auto& chain : chains) sorted_.push_back({.chain = &chain});
        // The newest is the one that can be restored to the latest time. Names decide between equal ones, so that every
        // run decides alike.
        std::ranges::sort(sorted_, std::greater<>(), [](const Entry& entry) {
            return std::tuple(entry.chain->recoverable_to, entry.chain->restorable_from, entry.chain->name);
        });
    }

    struct Entry {
        const Chain* chain;
        Why why = Why::kNothing;

        // Whether rules count it.
        [[nodiscard]] bool counts() const { return chain->ours && chain->restorable; }
        void keep(Why reason) {
            if (why == Why::kNothing) why = reason;
        }
    };
    std::vector<Entry>& entries() { return sorted_; }

    void keep_where(Why why, const std::function<bool(const Chain&)>& wanted) {
        for (auto& entry : sorted_)
            if (wanted(*entry.chain)) entry.keep(why);
    }

    void keep_first(Why why, int count, const std::function<bool(const Chain&)>& wanted) {
        for (auto& entry : sorted_) {
            if (count <= 0) return;
            if (!wanted(*entry.chain)) continue;
            entry.keep(why);
            --count;
        }
    }

    // The newest chain of each of the newest `count` periods.
    void keep_periods(Why why, int count, const std::function<local_days(const Chain&)>& period_of) {
        std::optional<local_days> period;
        for (auto& entry : sorted_) {
            if (!entry.counts() || (period && period_of(*entry.chain) >= *period)) continue;
            if (count-- <= 0) return;
            period = period_of(*entry.chain);
            entry.keep(why);
        }
    }

private:
    std::vector<Entry> sorted_;
};

bool counts(const Chain& chain) {
    return chain.ours && chain.restorable;
}

// What is needed to restore to any time from `since` on: chains that reach beyond it, and the one that reaches furthest
// of those which begin before. A restore to a time after a chain's last transaction and before the next chain's first
// is one to that last transaction.
void keep_within(Keeper& keeper, std::chrono::seconds within) {
    const auto& entries = keeper.entries();
    const auto newest = std::ranges::find_if(entries, &Keeper::Entry::counts);
    if (newest == entries.end()) return;
    const auto since = newest->chain->recoverable_to - within;
    keeper.keep_where(Why::kWithin, [&](const Chain& chain) { return counts(chain) && chain.recoverable_to >= since; });
    keeper.keep_first(Why::kWithin, 1,
                      [&](const Chain& chain) { return counts(chain) && chain.restorable_from <= since; });
}

void keep_calendar(Keeper& keeper, const KeepRules& rules, const calendar::TimeZone& zone) {
    const auto day_of = [&](const Chain& chain) { return floor<days>(zone.to_local(chain.recoverable_to)); };
    keeper.keep_periods(Why::kDaily, rules.daily, day_of);
    keeper.keep_periods(Why::kWeekly, rules.weekly, [&](const Chain& chain) {
        const auto day = day_of(chain);
        return day - (std::chrono::weekday(day) - std::chrono::Monday);
    });
    keeper.keep_periods(Why::kMonthly, rules.monthly, [&](const Chain& chain) {
        const year_month_day date(day_of(chain));
        return local_days(date.year() / date.month() / 1);
    });
    keeper.keep_periods(Why::kYearly, rules.yearly, [&](const Chain& chain) {
        return local_days(year_month_day(day_of(chain)).year() / std::chrono::January / 1);
    });
}

// A chain that is damaged counts for no rule. It may still hold what somebody can save, so it goes last among those of
// its time.
void keep_recent_damage(Keeper& keeper) {
    std::optional<sys_seconds> oldest;
    for (const auto& entry : keeper.entries())
        if (entry.counts() && entry.why != Why::kNothing)
            oldest = std::min(oldest.value_or(sys_seconds::max()), entry.chain->recoverable_to);
    keeper.keep_where(Why::kDamagedButRecent, [&](const Chain& chain) {
        return !chain.restorable && (!oldest || chain.recoverable_to >= *oldest);
    });
}

}  // namespace

bool KeepRules::any() const {
    return last > 0 || within || daily > 0 || weekly > 0 || monthly > 0 || yearly > 0;
}

Plan plan_retention(const KeepRules& rules, const std::vector<Chain>& chains, const calendar::TimeZone& zone) {
    Keeper keeper(chains);
    if (!rules.any()) keeper.keep_where(Why::kNoRules, [](const Chain&) { return true; });
    keeper.keep_where(Why::kNotOurs, [](const Chain& chain) { return !chain.ours; });
    keeper.keep_where(Why::kHeld, [](const Chain& chain) { return chain.held; });
    keeper.keep_first(Why::kNewest, 1, counts);
    keeper.keep_first(Why::kNewestVerified, 1, [](const Chain& chain) { return counts(chain) && chain.verified; });
    keeper.keep_first(Why::kLast, rules.last, counts);
    if (rules.within) keep_within(keeper, *rules.within);
    keep_calendar(keeper, rules, zone);
    keeper.keep_first(Why::kMinimum, rules.minimum_chains, counts);
    keep_recent_damage(keeper);
    Plan plan;
    for (const auto& entry : keeper.entries()) {
        plan.verdicts.push_back(
            {.chain = entry.chain->name, .why = entry.why, .stored_bytes = entry.chain->stored_bytes});
        if (entry.why == Why::kNothing) plan.freed_bytes += entry.chain->stored_bytes;
    }
    return plan;
}

}  // namespace n4b::retention
