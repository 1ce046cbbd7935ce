#include "backup-runner/retention/retention_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>

namespace n4b::retention {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const calendar::TimeZone& zone() {
    static const auto berlin = calendar::TimeZone::find("Europe/Berlin").value();
    return berlin;
}

sys_seconds day(int number) {
    return std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + std::chrono::days(number) + 12h;
}

// A chain that begins on one day and reaches into another.
Chain chain(std::string name, int from, int to) {
    return {.name = std::move(name),
            .began = day(from),
            .restorable_from = day(from),
            .recoverable_to = day(to),
            .last_commit = day(to),
            .stored_bytes = 10};
}

// By the storage's clock; later than all chains but those that test it.
const sys_seconds kNow = day(2000);

std::vector<std::string> kept(const Plan& plan) {
    std::vector<std::string> names;
    for (const auto& verdict : plan.verdicts)
        if (verdict.stays()) names.push_back(verdict.chain);
    return names;
}

std::vector<std::string> kept(const KeepRules& rules, const std::vector<Chain>& chains) {
    return kept(plan_retention(rules, chains, zone(), kNow));
}

TEST(Retention, WithoutRulesEverythingStays) {
    EXPECT_THAT(kept({}, {chain("a", 0, 1), chain("b", 1, 2)}), ElementsAre("b", "a"));
}

TEST(Retention, ABackupFromTheFutureMakesTheOthersNoOlder) {
    const std::vector chains{chain("a", 0, 6), chain("b", 8, 9)};
    EXPECT_THAT(kept(plan_retention({.within = 24h}, chains, zone(), day(8))), ElementsAre("b", "a"))
        << "a day before now only a can be restored";
    EXPECT_THAT(kept(plan_retention({.within = 24h}, chains, zone(), day(9))), ElementsAre("b"));
}

TEST(Retention, KeepsTheLastChains) {
    const auto plan = plan_retention({.last = 2}, {chain("a", 0, 1), chain("c", 4, 5), chain("b", 2, 3)}, zone(), kNow);
    EXPECT_THAT(kept(plan), ElementsAre("c", "b"));
    EXPECT_EQ(plan.freed_bytes, 10);
    EXPECT_EQ(plan.verdicts.back().why, Why::kNothing);
}

TEST(Retention, KeepsWhatARestoreToTheBeginningOfTheTimeNeeds) {
    const std::vector chains{chain("a", 0, 6), chain("b", 7, 13), chain("c", 14, 20), chain("d", 21, 27)};
    EXPECT_THAT(kept({.within = 24h * 10}, chains), ElementsAre("d", "c")) << "the tenth day before lies in c";
    EXPECT_THAT(kept({.within = 24h * 7}, chains), ElementsAre("d", "c")) << "the seventh lies at the end of c";
    EXPECT_THAT(kept({.within = 24h * 14}, chains), ElementsAre("d", "c", "b"))
        << "of the fourteenth, b has the last state before c";
    EXPECT_THAT(kept({.within = 1h}, chains), ElementsAre("d"));
}

TEST(Retention, TimeAloneTakesNothingAway) {
    // An old chain that nothing followed stays by whatever rule.
    EXPECT_THAT(kept({.within = 1h}, {chain("a", -3000, -2999)}), ElementsAre("a"));
    EXPECT_THAT(kept({.daily = 1}, {chain("a", -3000, -2999)}), ElementsAre("a"));
}

TEST(Retention, KeepsTheNewestOfEachPeriod) {
    std::vector<Chain> chains;
    for (int number = 0; number < 60; ++number) chains.push_back(chain("day" + std::to_string(number), number, number));
    auto later = chain("evening", 59, 59);
    later.began += 6h;
    chains.push_back(later);
    // Day 59 is July 30, a Thursday.
    EXPECT_THAT(kept({.daily = 3}, chains), ElementsAre("evening", "day58", "day57"));
    EXPECT_THAT(kept({.weekly = 3}, chains), ElementsAre("evening", "day55", "day48")) << "Sundays";
    EXPECT_THAT(kept({.monthly = 5}, chains), ElementsAre("evening", "day29"));
    EXPECT_THAT(kept({.yearly = 5}, chains), ElementsAre("evening"));
}

TEST(Retention, DaysAreThoseOfTheZone) {
    auto before = chain("before", 0, 0);
    auto after = chain("after", 0, 0);
    before.began = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + 21h + 59min;
    after.began = before.began + 2min;  // 0:01 in Berlin
    EXPECT_THAT(kept({.daily = 5}, {before, after}), ElementsAre("after", "before"));
}

TEST(Retention, PeriodsWithoutAChainDoNotCount) {
    EXPECT_THAT(kept({.daily = 2}, {chain("a", 0, 0), chain("b", 10, 10), chain("c", 20, 20)}), ElementsAre("c", "b"));
}

TEST(Retention, ASourceWhoseClockWasWrongTakesNothingAway) {
    auto far = chain("far", 2, 3);
    far.last_commit = day(9000);
    const std::vector chains{chain("a", 0, 1), far, chain("b", 4, 5), chain("c", 6, 7)};
    EXPECT_THAT(kept({.last = 1}, chains), ElementsAre("c", "far")) << "c goes on, whatever was committed before";
    EXPECT_THAT(kept({.within = 24h * 3}, chains), ElementsAre("c", "b", "far"));
}

TEST(Retention, WhatIncrementsGoOnFromStaysAfterASourceWasSetBack) {
    auto back = chain("back", 6, 7);
    back.last_commit = day(-30);
    EXPECT_THAT(kept({.last = 1}, {chain("a", 0, 1), chain("b", 4, 5), back}), ElementsAre("back", "b"))
        << "b has the latest commit, which somebody may miss";
}

TEST(Retention, AQuietDatabaseFillsNoStorage) {
    std::vector<Chain> chains;
    for (int number = 0; number < 30; ++number) {
        chains.push_back(chain("day" + std::to_string(number), number, number));
        chains.back().last_commit = day(-100);
    }
    EXPECT_THAT(kept({.within = 24h}, chains), ElementsAre("day29", "day28"));
}

TEST(Retention, ChainsFromTheFutureStayAndPushNothingOut) {
    const std::vector chains{chain("a", 0, 1), chain("b", 2, 3), chain("ahead", 900, 901)};
    const auto plan = plan_retention({.last = 1, .within = 1h}, chains, zone(), day(3));
    EXPECT_THAT(kept(plan), ElementsAre("ahead", "b"));
    EXPECT_EQ(plan.verdicts[0].why, Why::kFromTheFuture);
    EXPECT_THAT(kept(plan_retention({.last = 1}, chains, zone(), day(902))), ElementsAre("ahead"))
        << "when its time has come it counts";
}

TEST(Retention, ABackupMadeWhileTheClockWasSetBackStays) {
    auto back = chain("back", -400, -400);
    back.last_commit = day(10);
    EXPECT_THAT(kept({.last = 1}, {chain("a", 0, 1), chain("b", 2, 3), back}), ElementsAre("b", "back"));
}

TEST(Retention, FailuresPushNothingOut) {
    auto damaged = chain("damaged", 4, 5);
    damaged.restorable = false;
    EXPECT_THAT(kept({.last = 1}, {chain("a", 0, 1), chain("b", 2, 3), damaged}), ElementsAre("damaged", "b"));
    auto old = chain("old", 0, 1);
    old.restorable = false;
    EXPECT_THAT(kept({.last = 1}, {old, chain("b", 2, 3)}), ElementsAre("b")) << "it goes with those of its time";
    EXPECT_THAT(kept({.last = 1}, {old}), ElementsAre("old")) << "nothing better is there";
}

TEST(Retention, AnUnverifiedChainPushesOutNoVerifiedOne) {
    auto verified = chain("verified", 0, 1);
    verified.verified = true;
    EXPECT_THAT(kept({.last = 1}, {verified, chain("b", 2, 3), chain("c", 4, 5)}), ElementsAre("c", "verified"));
}

TEST(Retention, LeavesAloneWhatIsHeldOrAnothers) {
    auto held = chain("held", 0, 1);
    held.held = true;
    auto other = chain("other", 6, 7);
    other.ours = false;
    const auto plan = plan_retention({.last = 1}, {held, chain("b", 2, 3), chain("c", 4, 5), other}, zone(), kNow);
    EXPECT_THAT(kept(plan), ElementsAre("other", "c", "held"));
    EXPECT_EQ(plan.verdicts[0].why, Why::kNotOurs);
    EXPECT_EQ(plan.verdicts[1].why, Why::kNewest);
    EXPECT_EQ(plan.verdicts[3].why, Why::kHeld);
}

TEST(Retention, NeverLeavesFewerThanTheMinimum) {
    EXPECT_THAT(kept({.within = 1h, .minimum_chains = 3},
                     {chain("a", 0, 1), chain("b", 2, 3), chain("c", 4, 5), chain("d", 6, 7)}),
                ElementsAre("d", "c", "b"));
    EXPECT_THAT(kept({.within = 1h, .minimum_chains = 0}, {chain("a", 0, 1), chain("b", 2, 3)}), ElementsAre("b"));
}

bool counts(const Chain& chain) {
    return chain.ours && chain.restorable && chain.began <= kNow + kClockTolerance;
}

// What a plan must never do, found without its own reasoning: by restoring. The first thing that is wrong, or nothing.
std::string wrong(const KeepRules& rules, const std::vector<Chain>& chains, const Plan& plan) {
    std::map<std::string, bool> stays;
    for (const auto& verdict : plan.verdicts) stays[verdict.chain] = verdict.stays();
    if (stays.size() != chains.size()) return "a chain without a verdict, or with two";
    const Chain* newest = nullptr;
    const Chain* newest_verified = nullptr;
    const Chain* latest_commit = nullptr;
    auto newest_backup = sys_seconds::min();
    std::size_t counted = 0;
    std::size_t counted_kept = 0;
    const auto later = [](const Chain& a, const Chain* b) {
        return b == nullptr || std::tie(a.began, a.name) > std::tie(b->began, b->name);
    };
    for (const auto& each : chains) {
        if (each.held && !stays[each.name]) return "a hold was ignored: " + each.name;
        if (!each.ours && !stays[each.name]) return "another's chain goes: " + each.name;
        if (each.began > kNow + kClockTolerance && !stays[each.name]) return "one from the future goes: " + each.name;
        if (!counts(each)) continue;
        ++counted;
        newest_backup = std::max(newest_backup, each.recoverable_to);
        if (latest_commit == nullptr || each.last_commit > latest_commit->last_commit) latest_commit = &each;
        if (stays[each.name]) ++counted_kept;
        if (later(each, newest)) newest = &each;
        if (each.verified && later(each, newest_verified)) newest_verified = &each;
    }
    if (newest != nullptr && !stays[newest->name]) return "the newest goes: " + newest->name;
    if (newest_verified != nullptr && !stays[newest_verified->name])
        return "the last verified one goes: " + newest_verified->name;
    if (latest_commit != nullptr && std::ranges::none_of(chains, [&](const Chain& each) {
            return counts(each) && stays[each.name] && each.last_commit == latest_commit->last_commit;
        }))
        return "the latest commit goes: " + latest_commit->name;
    const auto wanted = static_cast<std::size_t>(std::max({rules.minimum_chains, rules.last, 1}));
    if (counted_kept < std::min(wanted, counted)) return "too few stay";
    // The state that a restore to that time gives, as its time.
    const auto state_at = [&](sys_seconds time, bool after) {
        sys_seconds best = sys_seconds::min();
        for (const auto& each : chains)
            if (counts(each) && each.restorable_from <= time && (!after || stays[each.name]))
                best = std::max(best, std::min(time, each.recoverable_to));
        return best;
    };
    if (rules.within && newest != nullptr) {
        const auto since = newest_backup - *rules.within;
        std::set<sys_seconds> times{since, newest_backup};
        for (const auto& each : chains)
            for (const auto time :
                 {each.restorable_from, each.restorable_from - 1s, each.recoverable_to, each.recoverable_to + 1s})
                if (time >= since) times.insert(time);
        for (const auto time : times)
            if (state_at(time, true) != state_at(time, false)) return "a time within is lost";
    }
    const auto newest_of_each = [&](int count, const std::function<std::string(sys_seconds)>& period) -> std::string {
        std::map<std::string, const Chain*> periods;
        for (const auto& each : chains)
            if (counts(each) && later(each, periods[period(each.began)])) periods[period(each.began)] = &each;
        for (auto it = periods.rbegin(); it != periods.rend() && count > 0; ++it, --count)
            if (!stays[it->second->name]) return "the newest of a period goes: " + it->second->name;
        return "";
    };
    const auto date = [](sys_seconds time) {
        return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(zone().to_local(time)));
    };
    const auto padded = [](int year, unsigned part) {
        return std::to_string(year) + "-" + (part < 10 ? "0" : "") + std::to_string(part);
    };
    const auto month = [&](sys_seconds time) { return padded(int(date(time).year()), unsigned(date(time).month())); };
    const auto by_day = [&](sys_seconds time) { return month(time) + padded(0, unsigned(date(time).day())); };
    const auto by_year = [&](sys_seconds time) { return std::to_string(int(date(time).year())); };
    for (const auto& problem : {newest_of_each(rules.daily, by_day), newest_of_each(rules.monthly, month),
                                newest_of_each(rules.yearly, by_year)})
        if (!problem.empty()) return problem;
    return "";
}

struct Case {
    KeepRules rules;
    std::vector<Chain> chains;
};

Case random_case(std::mt19937& random) {
    const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
    const auto sometimes = [&](int bound) { return below(3) == 0 ? below(bound) : 0; };
    Case made;
    made.rules = {.last = sometimes(6),
                  .daily = sometimes(10),
                  .weekly = sometimes(6),
                  .monthly = sometimes(6),
                  .yearly = sometimes(3),
                  .minimum_chains = below(4)};
    if (below(2) == 0) made.rules.within = std::chrono::hours(1 + below(24 * 60));
    const int count = below(40);
    for (int number = 0; number < count; ++number) {
        // Now and then the storage's clock is ahead, and the source's is anything.
        const auto ahead = below(15) == 0 ? std::chrono::days(3000) : std::chrono::days(0);
        const auto began = day(0) + std::chrono::minutes(below(60 * 24 * 500)) + ahead;
        const auto from = began + std::chrono::minutes(below(60 * 6));
        made.chains.push_back({.name = "c" + std::to_string(number),
                               .began = began,
                               .restorable_from = from,
                               .recoverable_to = from + std::chrono::minutes(below(60 * 24 * 20)),
                               .last_commit = below(4) == 0 ? day(below(5000)) : from,
                               .restorable = below(6) != 0,
                               .verified = below(4) == 0,
                               .ours = below(8) != 0,
                               .held = below(12) == 0,
                               .stored_bytes = below(1000)});
    }
    return made;
}

TEST(RetentionProperty, WhatMustBeRestorableIs) {
    const auto seed = std::random_device{}();
    std::mt19937 random(seed);
    for (int number = 0; number < 10'000; ++number) {
        const auto made = random_case(random);
        const auto plan = plan_retention(made.rules, made.chains, zone(), kNow);
        ASSERT_EQ(wrong(made.rules, made.chains, plan), "") << "seed " << seed << ", case " << number;
        // A second look after the plan was carried out takes nothing more.
        std::vector<Chain> left;
        for (const auto& each : made.chains)
            if (std::ranges::count(kept(plan), each.name) > 0) left.push_back(each);
        ASSERT_EQ(kept(plan_retention(made.rules, left, zone(), kNow)).size(), left.size())
            << "seed " << seed << ", case " << number;
    }
}

// The property finds what it is there for: each fault, made in plans that were right, is told.
TEST(RetentionProperty, FindsPlantedFaults) {
    std::mt19937 random(1);
    std::map<std::string, int> found;
    for (int number = 0; number < 300; ++number) {
        const auto made = random_case(random);
        const auto plan = plan_retention(made.rules, made.chains, zone(), kNow);
        for (std::size_t i = 0; i < plan.verdicts.size(); ++i) {
            if (!plan.verdicts[i].stays() || !made.rules.any()) continue;
            auto planted = plan;
            planted.verdicts[i].why = Why::kNothing;
            const auto problem = wrong(made.rules, made.chains, planted);
            ++found[problem.substr(0, problem.find(':'))];
        }
    }
    for (const auto* fault :
         {"a hold was ignored", "another's chain goes", "the newest goes", "the last verified one goes", "too few stay",
          "one from the future goes", "the latest commit goes", "a time within is lost", "the newest of a period goes"})
        EXPECT_GT(found[fault], 0) << fault;
}

}  // namespace
}  // namespace n4b::retention
