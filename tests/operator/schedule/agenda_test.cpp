#include "operator/schedule/agenda.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "common/base/rfc3339.hpp"

namespace n4b::schedule {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

sys_seconds at(std::string_view text) {
    return std::chrono::floor<std::chrono::seconds>(base::parse_rfc3339(text).value());
}

Cadence cadence(std::string name, RunType type, const std::string& line) {
    return {.name = std::move(name),
            .type = type,
            .text = line + " UTC",
            .line = CronLine::parse(line).value(),
            .zone = TimeZone::find("").value()};
}

std::vector<std::string> begun(const Agenda& agenda) {
    std::vector<std::string> runs;
    for (const auto& run : agenda.runs) runs.push_back(run.cadence + " " + base::format_rfc3339(run.slot));
    return runs;
}

class AgendaTest : public testing::Test {
protected:
    Agenda look(std::string_view now, bool running = false) {
        std::vector<KnownRun> known;
        if (running) known.push_back({.cadence = "nightly", .slot = at("2026-11-27T03:00:00Z"), .ended = false});
        auto agenda = decide(rules, state, at(now), known);
        state = agenda.state;
        return agenda;
    }

    Rules rules{.cadences = {cadence("nightly", RunType::kFull, "0 3 * * *"),
                             cadence("hourly", RunType::kIncremental, "0 * * * *")},
                .starting_deadline = 10min};
    State state;
};

TEST_F(AgendaTest, OfANewScheduleNothingIsLate) {
    const auto agenda = look("2026-11-27T03:00:30Z");
    EXPECT_THAT(begun(agenda), IsEmpty());
    EXPECT_THAT(agenda.notices, IsEmpty());
    EXPECT_EQ(agenda.next_look, at("2026-11-27T04:00:00Z"));
}

TEST_F(AgendaTest, BeginsEachSlotOnce) {
    look("2026-11-27T03:30:00Z");
    const auto due = look("2026-11-27T04:00:01Z");
    EXPECT_THAT(begun(due), ElementsAre("hourly 2026-11-27T04:00:00Z"));
    EXPECT_EQ(due.runs.front().not_after, at("2026-11-27T04:10:00Z"));
    EXPECT_THAT(begun(look("2026-11-27T04:00:02Z")), IsEmpty());
    EXPECT_THAT(begun(look("2026-11-27T03:59:00Z")), IsEmpty()) << "the clock was set back";
    EXPECT_THAT(begun(look("2026-11-27T04:00:05Z")), IsEmpty()) << "and came there again";
    EXPECT_THAT(begun(look("2026-11-27T05:00:00Z")), ElementsAre("hourly 2026-11-27T05:00:00Z"));
}

TEST_F(AgendaTest, AFullCoversTheIncrementOfItsMinute) {
    look("2026-11-27T02:30:00Z");
    EXPECT_THAT(begun(look("2026-11-27T03:00:01Z")), ElementsAre("nightly 2026-11-27T03:00:00Z"));
    EXPECT_EQ(state.cadences["hourly"].last, at("2026-11-27T03:00:00Z"));
    EXPECT_EQ(state.cadences["hourly"].missed, 0);
}

TEST_F(AgendaTest, AfterFourDaysAwayThereIsNoBurst) {
    look("2026-11-20T02:30:00Z");
    const auto agenda = look("2026-11-24T02:45:00Z");
    EXPECT_THAT(begun(agenda), ElementsAre("nightly 2026-11-23T03:00:00Z"));
    EXPECT_EQ(agenda.runs.front().not_after, at("2026-11-24T02:55:00Z")) << "late already, so it may begin from now on";
    EXPECT_EQ(state.cadences["nightly"].missed, 3);
    EXPECT_EQ(state.cadences["hourly"].missed, 95) << "of 96 the full covers the newest";
    EXPECT_THAT(begun(look("2026-11-24T02:46:00Z")), IsEmpty());
}

TEST_F(AgendaTest, ASkippedSlotIsCountedAndNotBegun) {
    rules.missed = MissedRunPolicy::kSkip;
    look("2026-11-20T02:30:00Z");
    const auto agenda = look("2026-11-24T02:45:00Z");
    EXPECT_THAT(begun(agenda), IsEmpty());
    EXPECT_EQ(state.cadences["nightly"].missed, 4);
    EXPECT_EQ(state.cadences["hourly"].missed, 96);
    ASSERT_THAT(agenda.notices, SizeIs(2));
    EXPECT_EQ(agenda.notices[0].newest, at("2026-11-23T03:00:00Z"));
    EXPECT_EQ(agenda.notices[0].why, PassedOver::kLate);
}

TEST_F(AgendaTest, WithinTheDeadlineASlotIsNotLate) {
    rules.missed = MissedRunPolicy::kSkip;
    look("2026-11-27T03:30:00Z");
    EXPECT_THAT(begun(look("2026-11-27T04:10:00Z")), ElementsAre("hourly 2026-11-27T04:00:00Z"));
    EXPECT_THAT(begun(look("2026-11-27T05:10:01Z")), IsEmpty());
}

TEST_F(AgendaTest, ARunThatHasNotEndedHoldsTheNextUp) {
    look("2026-11-27T03:30:00Z");
    const auto held = look("2026-11-27T04:00:01Z", true);
    EXPECT_THAT(begun(held), IsEmpty());
    ASSERT_THAT(held.notices, SizeIs(1));
    EXPECT_EQ(held.notices[0].why, PassedOver::kStillRunning);
    EXPECT_EQ(state.cadences["hourly"].missed, 1);
    EXPECT_THAT(begun(look("2026-11-27T04:01:00Z")), IsEmpty()) << "it is passed over, not put off";
    rules.concurrency = ConcurrencyPolicy::kQueue;
    EXPECT_THAT(begun(look("2026-11-27T05:00:01Z", true)), ElementsAre("hourly 2026-11-27T05:00:00Z"));
}

TEST_F(AgendaTest, WhatWasMadeBeforeTheStateWasWrittenIsNotMadeAgainNorMissed) {
    look("2026-11-27T02:30:00Z");
    const auto again = decide(rules, state, at("2026-11-27T03:00:01Z"),
                              {{.cadence = "nightly", .slot = at("2026-11-27T03:00:00Z"), .ended = false}});
    EXPECT_THAT(begun(again), IsEmpty());
    EXPECT_THAT(again.notices, IsEmpty());
    EXPECT_EQ(again.state.cadences.at("nightly").last, at("2026-11-27T03:00:00Z"));
    EXPECT_EQ(again.state.cadences.at("hourly").last, at("2026-11-27T03:00:00Z")) << "the full covers it still";
}

TEST_F(AgendaTest, RunsOfOlderSlotsWhoseStateWasNeverWrittenAreNotMissed) {
    look("2026-11-27T03:30:00Z");
    const std::vector<KnownRun> known{{.cadence = "hourly", .slot = at("2026-11-27T04:00:00Z"), .ended = true},
                                      {.cadence = "hourly", .slot = at("2026-11-27T06:00:00Z"), .ended = true}};
    const auto agenda = decide(rules, state, at("2026-11-27T07:00:01Z"), known);
    EXPECT_THAT(begun(agenda), ElementsAre("hourly 2026-11-27T07:00:00Z"));
    EXPECT_EQ(agenda.state.cadences.at("hourly").missed, 1) << "that of five o'clock";
    rules.missed = MissedRunPolicy::kSkip;
    const auto late = decide(rules, state, at("2026-11-27T07:30:00Z"), known);
    EXPECT_EQ(late.state.cadences.at("hourly").missed, 2);
    EXPECT_EQ(late.state.cadences.at("hourly").last, at("2026-11-27T06:00:00Z"));
}

TEST_F(AgendaTest, ALookAtASuspendedScheduleChangesNothing) {
    look("2026-11-27T03:30:00Z");
    rules.suspended = true;
    look("2026-11-27T03:50:00Z");
    const auto done_until = state.cadences["hourly"].done_until;
    look("2026-11-27T08:00:01Z");
    EXPECT_EQ(state.cadences["hourly"].done_until, done_until);
}

TEST_F(AgendaTest, NeitherSuspendingNorResumingBeginsOrMissesAnything) {
    look("2026-11-27T03:30:00Z");
    rules.suspended = true;
    EXPECT_EQ(look("2026-11-27T03:50:00Z").next_look, std::nullopt);
    look("2026-11-27T08:00:01Z");
    rules.suspended = false;
    EXPECT_THAT(begun(look("2026-11-27T09:00:30Z")), IsEmpty());
    EXPECT_EQ(state.cadences["hourly"].missed, 0);
    EXPECT_THAT(begun(look("2026-11-27T10:00:00Z")), ElementsAre("hourly 2026-11-27T10:00:00Z"));
}

TEST_F(AgendaTest, SuspendedAndResumedWhileNobodyLookedItGoesOn) {
    look("2026-11-27T03:30:00Z");
    EXPECT_THAT(begun(look("2026-11-27T04:00:30Z")), ElementsAre("hourly 2026-11-27T04:00:00Z"));
}

TEST_F(AgendaTest, AnEditBeginsNothing) {
    look("2026-11-27T03:30:00Z");
    rules.cadences[1] = cadence("hourly", RunType::kIncremental, "*/5 * * * *");
    EXPECT_THAT(begun(look("2026-11-27T04:00:30Z")), IsEmpty()) << "not even what the line before would have begun";
    EXPECT_THAT(begun(look("2026-11-27T04:05:00Z")), ElementsAre("hourly 2026-11-27T04:05:00Z"));
}

TEST_F(AgendaTest, OfACadenceThatIsGoneNothingStays) {
    look("2026-11-27T03:30:00Z");
    rules.cadences.pop_back();
    look("2026-11-27T04:00:30Z");
    EXPECT_THAT(state.cadences, SizeIs(1));
}

TEST_F(AgendaTest, BeginsAfterTheDelay) {
    rules.delay = 90s;
    look("2026-11-27T03:30:00Z");
    EXPECT_THAT(begun(look("2026-11-27T04:01:29Z")), IsEmpty());
    const auto agenda = look("2026-11-27T04:01:30Z");
    EXPECT_THAT(begun(agenda), ElementsAre("hourly 2026-11-27T04:00:00Z"));
    EXPECT_EQ(agenda.runs.front().not_after, at("2026-11-27T04:11:30Z"));
    EXPECT_EQ(agenda.next_look, at("2026-11-27T05:01:30Z"));
}

TEST_F(AgendaTest, AClockThatWasYearsAheadNeitherBurstsNorStopsIt) {
    look("2026-11-27T03:30:00Z");
    EXPECT_THAT(begun(look("2032-01-01T00:30:00Z")), ElementsAre("nightly 2031-12-31T03:00:00Z"));
    EXPECT_EQ(state.cadences["hourly"].missed, kMostCounted - 1);
    EXPECT_THAT(begun(look("2026-11-27T03:45:00Z")), IsEmpty()) << "it is armed anew";
    EXPECT_THAT(begun(look("2026-11-27T04:00:00Z")), ElementsAre("hourly 2026-11-27T04:00:00Z"));
}

// A year of looks at random times, restarts among them (the state is all that is kept), with a clock that steps:
// whatever happens, no slot begins twice, none is both begun and missed, and none is lost.
TEST(AgendaSimulation, EverySlotIsBegunCoveredOrMissedOnce) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
    for (int round = 0; round < 3; ++round) {
        Rules rules{.cadences = {cadence("full", RunType::kFull, "30 2 * * 0"),
                                 cadence("increment", RunType::kIncremental, "*/30 * * * *")},
                    .delay = std::chrono::seconds(below(120)),
                    .starting_deadline = std::chrono::minutes(1 + below(60)),
                    .missed = below(2) == 0 ? MissedRunPolicy::kSkip : MissedRunPolicy::kRunOnce,
                    .concurrency = below(2) == 0 ? ConcurrencyPolicy::kForbid : ConcurrencyPolicy::kQueue};
        State state;
        const auto first = at("2026-01-01T00:10:00Z");
        auto now = first;
        auto furthest = now;
        std::set<std::tuple<std::string, sys_seconds>> begun_slots;
        std::map<std::string, std::int64_t> begun_or_covered;
        const std::vector<KnownRun> idle;
        const std::vector<KnownRun> running{{.cadence = "full", .slot = first - 24h, .ended = false}};
        while (furthest < first + 24h * 365) {
            const auto before = state;
            const auto agenda = decide(rules, state, now, below(4) == 0 ? running : idle);
            state = agenda.state;
            ASSERT_LE(agenda.runs.size(), 1U) << "a burst";
            for (const auto& run : agenda.runs)
                EXPECT_TRUE(begun_slots.insert({run.cadence, run.slot}).second) << "begun twice";
            for (const auto& [name, known] : state.cadences) {
                const auto old = before.cadences.find(name);
                if (old != before.cadences.end() && known.last != old->second.last) ++begun_or_covered[name];
                if (old == before.cadences.end() && known.last) ++begun_or_covered[name];
            }
            furthest = std::max(furthest, now);
            now += std::chrono::seconds(below(10) == 0 ? below(4 * 86400) : below(1200));
            if (below(20) == 0) now -= std::chrono::seconds(below(86400));
            now = std::max(now, furthest - 47h);
        }
        for (const auto& each : rules.cadences) {
            std::int64_t slots = 0;
            for (auto slot = next_slot(each.line, each.zone, first); slot && slot->at <= furthest - rules.delay;
                 slot = next_slot(each.line, each.zone, slot->at))
                ++slots;
            EXPECT_EQ(begun_or_covered[each.name] + state.cadences[each.name].missed, slots) << each.name;
        }
    }
}

// Years in which somebody edits, suspends and resumes the schedule between looks. Each slot is begun, covered or missed
// by the line that was armed when it was due; of what was suspended, or was due before an edit was seen, none is.
TEST(AgendaSimulation, EditsAndSuspensionsNeitherMissNorDoubleAnything) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
    const std::vector<std::string> lines{"*/30 * * * *", "17 * * * *", "0 */3 * * *", "5,35 8-17 * * 1-5", "@daily"};
    for (int round = 0; round < 3; ++round) {
        Rules rules{.cadences = {cadence("full", RunType::kFull, "30 2 * * 0"),
                                 cadence("increment", RunType::kIncremental, lines[0])},
                    .delay = std::chrono::seconds(below(120)),
                    .starting_deadline = std::chrono::minutes(1 + below(60)),
                    .missed = below(2) == 0 ? MissedRunPolicy::kSkip : MissedRunPolicy::kRunOnce,
                    .concurrency = below(2) == 0 ? ConcurrencyPolicy::kForbid : ConcurrencyPolicy::kQueue};
        State state;
        const auto first = at("2026-01-01T00:10:00Z");
        std::map<std::string, sys_seconds> dealt_with;  // by cadence: all slots up to there
        std::map<std::string, std::string> seen;        // its line at the last look
        bool was_suspended = false;
        std::set<std::tuple<std::string, sys_seconds>> begun_slots;
        const std::vector<KnownRun> running{{.cadence = "full", .slot = first - 24h, .ended = false}};
        for (auto now = first; now < first + 24h * 365;
             now += std::chrono::seconds(below(15) == 0 ? below(4 * 86400) : 1 + below(3600))) {
            if (below(8) == 0) rules.suspended = !rules.suspended;
            if (below(8) == 0)
                rules.cadences[1] =
                    cadence("increment", RunType::kIncremental, lines[static_cast<std::size_t>(below(5))]);
            const auto before = state;
            const auto agenda = decide(rules, state, now, below(4) == 0 ? running : std::vector<KnownRun>());
            state = agenda.state;
            ASSERT_LE(agenda.runs.size(), 1U) << "a burst";
            for (const auto& run : agenda.runs)
                ASSERT_TRUE(begun_slots.insert({run.cadence, run.slot}).second) << "begun twice";
            for (const auto& each : rules.cadences) {
                const auto old = before.cadences.contains(each.name) ? before.cadences.at(each.name) : CadenceState{};
                const auto& known = state.cadences.at(each.name);
                const auto done = known.missed - old.missed + (known.last != old.last ? 1 : 0);
                std::int64_t due = 0;
                const bool armed = !rules.suspended && !was_suspended && seen[each.name] == each.text;
                if (!armed) dealt_with[each.name] = now;
                auto& until = dealt_with[each.name];
                for (auto slot = next_slot(each.line, each.zone, until); slot && slot->at <= now - rules.delay;
                     slot = next_slot(each.line, each.zone, until)) {
                    until = slot->at;
                    ++due;
                }
                ASSERT_EQ(done, due) << each.name << " at " << base::format_rfc3339(now);
                seen[each.name] = each.text;
            }
            was_suspended = rules.suspended;
        }
        ASSERT_GT(begun_slots.size(), 100U);
    }
}

}  // namespace
}  // namespace n4b::schedule
