#include "operator/schedule/agenda.hpp"

#include <algorithm>
#include <utility>

namespace n4b::schedule {
namespace {

// The slots of a cadence whose time has come.
struct Due {
    std::int64_t count = 0;
    sys_seconds newest;
    bool newest_begun = false;                // It has a run.
    std::int64_t others_begun = 0;            // How many of the others have one.
    std::optional<sys_seconds> last_begun{};  // The newest that has one.
};

// Runs are looked up for each slot: whoever made one, and ended before it wrote the state, missed nothing.
Due due_slots(const Cadence& cadence, sys_seconds done_until, sys_seconds until, const std::vector<KnownRun>& known) {
    Due due;
    const auto has_run = [&](sys_seconds slot) {
        return std::ranges::any_of(
            known, [&](const KnownRun& run) { return run.cadence == cadence.name && run.slot == slot; });
    };
    const auto take = [&](sys_seconds slot) {
        if (due.newest_begun) ++due.others_begun;
        due.newest = slot;
        due.newest_begun = has_run(slot);
        if (due.newest_begun) due.last_begun = slot;
    };
    for (auto at = done_until; due.count < kMostCounted; ++due.count) {
        const auto slot = next_slot(cadence.line, cadence.zone, at);
        if (!slot || slot->at > until) return due;
        take(at = slot->at);
    }
    if (const auto last = last_slot(cadence.line, cadence.zone, due.newest, until)) take(last->at);
    return due;
}

CadenceState arm(const Cadence& cadence, const CadenceState* before, sys_seconds now) {
    CadenceState armed;
    if (before != nullptr) armed = *before;
    armed.text = cadence.text;
    armed.done_until = now;
    return armed;
}

// The state of each cadence that there is, armed at `now` where it is new, was edited, was suspended, or is known by a
// wrong clock.
State carry_over(const Rules& rules, const State& state, sys_seconds now) {
    State carried{.cadences = {}, .suspended = rules.suspended};
    for (const auto& cadence : rules.cadences) {
        const auto known = state.cadences.find(cadence.name);
        const auto* before = known == state.cadences.end() ? nullptr : &known->second;
        // While it stays suspended its state stays as it is, so that a look changes nothing.
        const bool goes_on = before != nullptr && before->text == cadence.text && state.suspended == rules.suspended &&
                             before->done_until <= now + kClockTolerance;
        carried.cadences[cadence.name] = goes_on ? *before : arm(cadence, before, now);
    }
    return carried;
}

// What one cadence has to begin, if anything.
struct Found {
    const Cadence* cadence = nullptr;
    Due due;
    bool late = false;
};

void note(Agenda& agenda, const Found& found, PassedOver why, std::int64_t slots) {
    if (slots == 0) return;
    agenda.state.cadences[found.cadence->name].missed += slots;
    agenda.notices.push_back({.cadence = found.cadence->name, .why = why, .slots = slots, .newest = found.due.newest});
}

void begin(Agenda& agenda, const Rules& rules, const Found& found, sys_seconds now) {
    const auto from = found.late ? now : found.due.newest + rules.delay;
    agenda.runs.push_back({.cadence = found.cadence->name,
                           .type = found.cadence->type,
                           .slot = found.due.newest,
                           .not_after = from + rules.starting_deadline});
}

// Deals with the slots of one cadence. `covered`: a run that begins now holds what this cadence's would. Returns
// whether a run of this cadence's newest slot begins, or has begun.
bool deal_with(Agenda& agenda, const Rules& rules, const Found& found, sys_seconds now,
               const std::vector<KnownRun>& known, bool covered) {
    auto& state = agenda.state.cadences[found.cadence->name];
    state.done_until = found.due.newest;
    if (found.due.last_begun) state.last = found.due.last_begun;
    const auto others_missed = found.due.count - 1 - found.due.others_begun;
    const bool running = std::ranges::any_of(known, [](const KnownRun& run) { return !run.ended; });
    if (!covered && !found.due.newest_begun) {
        const bool passed_over = found.late && rules.missed == MissedRunPolicy::kSkip;
        const bool held_up = running && rules.concurrency == ConcurrencyPolicy::kForbid;
        if (passed_over || held_up) {
            note(agenda, found, passed_over ? PassedOver::kLate : PassedOver::kStillRunning, others_missed + 1);
            return false;
        }
        begin(agenda, rules, found, now);
    }
    note(agenda, found, PassedOver::kLate, others_missed);
    state.last = found.due.newest;
    return true;
}

}  // namespace

Agenda decide(const Rules& rules, const State& state, sys_seconds now, const std::vector<KnownRun>& known) {
    Agenda agenda{.state = carry_over(rules, state, now), .runs = {}, .notices = {}, .next_look = {}};
    if (rules.suspended) return agenda;
    std::vector<Found> found;
    for (const auto& cadence : rules.cadences) {
        const auto due = due_slots(cadence, agenda.state.cadences[cadence.name].done_until, now - rules.delay, known);
        if (due.count > 0)
            found.push_back(
                {.cadence = &cadence, .due = due, .late = now > due.newest + rules.delay + rules.starting_deadline});
    }
    // Fulls first: one that begins holds all that an increment which is due now would.
    std::ranges::stable_partition(found, [](const Found& each) { return each.cadence->type == RunType::kFull; });
    bool covered = false;
    for (const auto& each : found) covered = deal_with(agenda, rules, each, now, known, covered) || covered;
    for (const auto& cadence : rules.cadences) {
        const auto next = next_slot(cadence.line, cadence.zone,
                                    std::max(agenda.state.cadences[cadence.name].done_until, now - rules.delay));
        if (next) agenda.next_look = std::min(agenda.next_look.value_or(sys_seconds::max()), next->at + rules.delay);
    }
    return agenda;
}

}  // namespace n4b::schedule
