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
    Keeper(const std::vector<Chain>& chains, sys_seconds now) {
        const auto latest = now + kClockTolerance;
        for (const auto& chain : chains) {
            const bool ahead = std::max({chain.began, chain.restorable_from, chain.recoverable_to}) > latest;
            sorted_.push_back({.chain = &chain, .ahead = ahead});
        }
        // The newest is the one that began last, since increments go on from that. Names decide between equal ones, so
        // that every run decides alike.
        std::ranges::sort(sorted_, std::greater<>(),
                          [](const Entry& entry) { return std::tuple(entry.chain->began, entry.chain->name); });
    }

    struct Entry {
        const Chain* chain;
        bool ahead = false;  ///< Its times can't be right.
        Why why = Why::kNothing;

        // Whether rules count it.
        [[nodiscard]] bool counts() const { return chain->ours && chain->restorable && !ahead; }
        void keep(Why reason) {
            if (why == Why::kNothing) why = reason;
        }
    };
    std::vector<Entry>& entries() { return sorted_; }

    void keep_where(Why why, const std::function<bool(const Entry&)>& wanted) {
        for (auto& entry : sorted_)
            if (wanted(entry)) entry.keep(why);
    }

    void keep_first(Why why, int count, const std::function<bool(const Entry&)>& wanted) {
        for (auto& entry : sorted_) {
            if (count <= 0) return;
            if (!wanted(entry)) continue;
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

    // The one with the latest commit is what most would ask for, also where the storage's clock was set back when it
    // was made, and its name is that of an old one.
    void keep_latest_commit() {
        Entry* latest = nullptr;
        for (auto& entry : sorted_) {
            const bool later = latest == nullptr || entry.chain->last_commit > latest->chain->last_commit;
            if (entry.counts() && later) latest = &entry;
        }
        if (latest != nullptr) latest->keep(Why::kNewest);
    }

private:
    std::vector<Entry> sorted_;
};

using Entry = Keeper::Entry;

bool counts(const Entry& entry) {
    return entry.counts();
}

// What is needed to restore to any time from `since` on: chains that reach beyond it, and the one that reaches furthest
// of those which begin before. A restore to a time after a chain's last backup and before the next chain's full is one
// to that last backup.
void keep_within(Keeper& keeper, std::chrono::seconds within, sys_seconds now) {
    const auto& entries = keeper.entries();
    if (std::ranges::none_of(entries, counts)) return;
    // Two chains may grow side by side, so the newest backup need not be of the chain that began last.
    auto newest = sys_seconds::min();
    for (const auto& entry : entries)
        if (entry.counts()) newest = std::max(newest, entry.chain->recoverable_to);
    // A clock that was ahead when the newest backup was made would have the others look too old.
    const auto since = std::min(newest, now) - within;
    keeper.keep_where(Why::kWithin,
                      [&](const Entry& entry) { return entry.counts() && entry.chain->recoverable_to >= since; });
    const auto reaches = [](const Entry& entry) { return entry.chain->recoverable_to; };
    Entry* before = nullptr;
    for (auto& entry : keeper.entries()) {
        if (!entry.counts() || entry.chain->restorable_from > since) continue;
        if (before == nullptr || reaches(entry) > reaches(*before)) before = &entry;
    }
    if (before != nullptr) before->keep(Why::kWithin);
}

void keep_calendar(Keeper& keeper, const KeepRules& rules, const calendar::TimeZone& zone) {
    const auto day_of = [&](const Chain& chain) { return floor<days>(zone.to_local(chain.began)); };
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
            oldest = std::min(oldest.value_or(sys_seconds::max()), entry.chain->began);
    keeper.keep_where(Why::kDamagedButRecent, [&](const Entry& entry) {
        return !entry.chain->restorable && (!oldest || entry.chain->began >= *oldest);
    });
}

}  // namespace

std::string_view name_of(Why why) {
    switch (why) {
        case Why::kNoRules:
            return "NoRules";
        case Why::kNotOurs:
            return "NotOurs";
        case Why::kHeld:
            return "Held";
        case Why::kFromTheFuture:
            return "FromTheFuture";
        case Why::kNewest:
            return "Newest";
        case Why::kNewestVerified:
            return "NewestVerified";
        case Why::kLast:
            return "Last";
        case Why::kWithin:
            return "Within";
        case Why::kDaily:
            return "Daily";
        case Why::kWeekly:
            return "Weekly";
        case Why::kMonthly:
            return "Monthly";
        case Why::kYearly:
            return "Yearly";
        case Why::kMinimum:
            return "MinimumChains";
        case Why::kDamagedButRecent:
            return "DamagedButRecent";
        case Why::kNothing:
            return "Nothing";
    }
    return "Nothing";
}

bool KeepRules::any() const {
    return last > 0 || within || daily > 0 || weekly > 0 || monthly > 0 || yearly > 0;
}

Plan plan_retention(const KeepRules& rules, const std::vector<Chain>& chains, const calendar::TimeZone& zone,
                    sys_seconds now) {
    Keeper keeper(chains, now);
    if (!rules.any()) keeper.keep_where(Why::kNoRules, [](const Entry&) { return true; });
    keeper.keep_where(Why::kNotOurs, [](const Entry& entry) { return !entry.chain->ours; });
    keeper.keep_where(Why::kHeld, [](const Entry& entry) { return entry.chain->held; });
    keeper.keep_where(Why::kFromTheFuture, [](const Entry& entry) { return entry.ahead; });
    keeper.keep_first(Why::kNewest, 1, counts);
    keeper.keep_latest_commit();
    keeper.keep_first(Why::kNewestVerified, 1,
                      [](const Entry& entry) { return entry.counts() && entry.chain->verified; });
    keeper.keep_first(Why::kLast, rules.last, counts);
    if (rules.within) keep_within(keeper, *rules.within, now);
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
