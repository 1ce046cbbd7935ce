#include "operator/kinds/backup_schedule/backup_schedule_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/fnv1a.hpp"
#include "common/base/rfc3339.hpp"
#include "operator/api/for_people.hpp"
#include "operator/run/condition_writer.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Reason;
using base::SystemTime;
using schedule::sys_seconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kLongestToken = 128;

sys_seconds whole(SystemTime time) {
    return std::chrono::floor<seconds>(time);
}

std::string line_of(const CadenceSpec& cadence) {
    return cadence.cron + " " + cadence.time_zone;
}

// The cadences that can be understood, and what is wrong with the others.
struct Understood {
    std::vector<schedule::Cadence> cadences;
    std::vector<std::string> wrong;
};

Understood understand(const ScheduleSpec& spec) {
    Understood result;
    for (const auto& cadence : spec.cadences) {
        auto line = schedule::CronLine::parse(cadence.cron);
        auto zone = schedule::TimeZone::find(cadence.time_zone);
        if (!line)
            result.wrong.push_back(fmt::format("spec.cadences[{}].cron: {}", cadence.name, line.error().message));
        if (!zone)
            result.wrong.push_back(fmt::format("spec.cadences[{}].timeZone: {}", cadence.name, zone.error().message));
        if (line && zone)
            result.cadences.push_back(
                {.name = cadence.name, .type = cadence.type, .text = line_of(cadence), .line = *line, .zone = *zone});
    }
    if (spec.keep) {
        const auto zone = schedule::TimeZone::find(spec.keep->time_zone);
        if (!zone) result.wrong.push_back(fmt::format("spec.keep.timeZone: {}", zone.error().message));
    }
    return result;
}

// The same for one schedule whenever it is asked, so that a restarted operator begins nothing at another second.
seconds delay_of(const BackupSchedule& schedule) {
    const auto most = std::chrono::floor<seconds>(schedule.spec.jitter.value_or(milliseconds(0))).count();
    return seconds(static_cast<std::int64_t>(base::fnv1a(schedule.meta.uid) % static_cast<std::uint64_t>(most + 1)));
}

schedule::State state_of(const ScheduleStatus& status) {
    schedule::State state{.cadences = {}, .suspended = status.suspended};
    for (const auto& cadence : status.cadences) {
        if (!cadence.done_until) continue;
        auto& known = state.cadences[cadence.name];
        known.text = cadence.line;
        known.done_until = whole(*cadence.done_until);
        if (cadence.last) known.last = whole(*cadence.last);
        known.missed = cadence.missed;
    }
    return state;
}

std::vector<schedule::KnownRun> runs_of(const Facts& facts) {
    std::vector<schedule::KnownRun> runs;
    for (const auto& backup : facts.backups) {
        const auto slot = base::parse_rfc3339(backup->meta.slot);
        runs.push_back({.cadence = backup->meta.cadence,
                        .slot = slot ? whole(*slot) : sys_seconds::min(),
                        .ended = backup->status.run.finished()});
    }
    return runs;
}

std::string note_of(const schedule::Slot& slot) {
    const auto time =
        std::chrono::floor<std::chrono::minutes>(slot.meant - std::chrono::floor<std::chrono::days>(slot.meant))
            .count();
    const auto clock = fmt::format("{:02}:{:02}", time / 60, time % 60);
    switch (slot.change) {
        case calendar::ClockChange::kNone:
            return "";
        case calendar::ClockChange::kSkipped:
            return fmt::format("clocks are set forward across {} that day; this is the first minute after", clock);
        case calendar::ClockChange::kRepeated:
            return fmt::format("clocks show {} twice that day; this is one of the two", clock);
    }
    return "";
}

void tell_missed(const std::vector<schedule::Notice>& notices, std::vector<run::PlannedEvent>& events) {
    for (const auto& notice : notices) {
        const auto newest = base::format_rfc3339(notice.newest);
        const bool late = notice.why == schedule::PassedOver::kLate;
        const auto why = late ? "the operator or the cluster was away, or startingDeadline is short"
                              : "a backup of this schedule has not ended";
        const auto note = notice.slots == 1
                              ? fmt::format("cadence {}: no backup was made for {}: {}", notice.cadence, newest, why)
                              : fmt::format("cadence {}: no backups were made for {} times up to {}: {}",
                                            notice.cadence, notice.slots, newest, why);
        events.push_back({.warning = true, .reason = std::string(to_string(Reason::kRunMissed)), .note = note});
    }
}

// Looks over the schedule's own backups for the newest that ended, and those that succeeded.
void learn_from_backups(const Facts& facts, ScheduleStatus& status) {
    const auto later = [](std::optional<SystemTime>& known, SystemTime time) {
        known = std::max(known.value_or(time), time);
    };
    for (const auto& backup : facts.backups) {
        if (!backup->succeeded() || !backup->status.run.completed) continue;
        const auto ended = *backup->status.run.completed;
        later(status.last_success, ended);
        const auto& artifact = backup->status.artifact;
        const auto level = artifact ? contract::parse_verify_level(artifact->level) : std::nullopt;
        if (level && *level > contract::VerifyLevel::kWritten) later(status.last_verified, ended);
        const auto cadence = std::ranges::find(status.cadences, backup->meta.cadence, &CadenceStatus::name);
        if (cadence != status.cadences.end()) later(cadence->last_success, ended);
    }
}

void show_cadences(const Understood& understood, const schedule::Agenda& agenda, const Facts& facts,
                   ScheduleStatus& status) {
    const auto& before = facts.schedule.status.cadences;
    status.cadences.clear();
    for (const auto& cadence : understood.cadences) {
        const auto known = std::ranges::find(before, cadence.name, &CadenceStatus::name);
        CadenceStatus shown = known == before.end() ? CadenceStatus{.name = cadence.name} : *known;
        const auto& state = agenda.state.cadences.at(cadence.name);
        shown.line = state.text;
        shown.done_until = state.done_until;
        if (state.last) shown.last = *state.last;
        shown.missed = state.missed;
        const auto next = facts.schedule.spec.suspended
                              ? std::nullopt
                              : next_slot(cadence.line, cadence.zone, std::max(state.done_until, whole(facts.now)));
        shown.next = next ? std::optional<SystemTime>(next->at) : std::nullopt;
        shown.next_note = next ? note_of(*next) : "";
        for (const auto& run : agenda.runs)
            if (run.cadence == cadence.name) shown.last_backup = backup_name(facts.schedule.meta.name, run.slot);
        status.cadences.push_back(std::move(shown));
    }
}

void run_now(const Facts& facts, Decision& decision) {
    const auto& token = facts.schedule.meta.run_now;
    if (token.empty() || token == facts.schedule.status.run_now) return;
    if (token.size() > kLongestToken) {
        decision.events.push_back(
            {.warning = true,
             .reason = std::string(to_string(Reason::kScheduleInvalid)),
             .note = fmt::format("the annotation neo4jbackup.dev/run-now has {} bytes; at most {} are expected",
                                 token.size(), kLongestToken)});
        return;
    }
    decision.backups.push_back({.name = backup_name_now(facts.schedule.meta.name, token),
                                .not_after = facts.now + facts.schedule.spec.starting_deadline});
    decision.status.run_now = token;
}

run::Finding freshness(const Facts& facts, milliseconds rpo) {
    if (!facts.current_at)
        return {"Unknown", Reason::kPending,
                "no backup tells yet up to when everything that was committed can be restored"};
    const auto age = std::chrono::duration_cast<milliseconds>(facts.now - *facts.current_at);
    const auto up_to = base::format_rfc3339(*facts.current_at);
    if (age <= rpo)
        return {"True", Reason::kReady, fmt::format("everything that was committed up to {} can be restored", up_to)};
    return {"False", Reason::kStale,
            fmt::format("only what was committed up to {} can be restored for certain; rpo is {}", up_to,
                        api::span_for_people(rpo))};
}

run::Finding readiness(const Facts& facts, const Understood& understood, const ScheduleStatus& status) {
    if (!understood.wrong.empty())
        return {"False", Reason::kScheduleInvalid, fmt::format("{}", fmt::join(understood.wrong, "; "))};
    if (facts.schedule.spec.suspended)
        // What it does is what its spec asks for. "False" would have tools that wait for what they applied wait for
        // ever.
        return {"True", Reason::kSuspended, "spec.suspend is true: no backups are made"};
    return {"True", Reason::kReady,
            status.next ? "the next backup begins at " + base::format_rfc3339(*status.next)
                        : std::string("no backup is due within 41 years")};
}

void set_conditions(const Facts& facts, const Understood& understood, Decision& decision) {
    auto& status = decision.status;
    run::RunStep told;
    run::ConditionWriter conditions(status.conditions, &told,
                                    {.now = facts.now, .generation = facts.schedule.meta.generation});
    const auto ready = readiness(facts, understood, status);
    conditions.set("Ready", ready);
    conditions.set_quietly("Reconciling", {"False", ready.reason, ready.message});
    conditions.set_quietly("Stalled", {understood.wrong.empty() ? "False" : "True", ready.reason, ready.message});
    std::erase_if(status.conditions,
                  [&](const auto& condition) { return condition.type == "Fresh" && !facts.schedule.spec.rpo; });
    if (facts.schedule.spec.rpo) conditions.set("Fresh", freshness(facts, *facts.schedule.spec.rpo));
    const backup::Backup* newest = nullptr;
    for (const auto& backup : facts.backups)
        if (backup->status.run.completed &&
            (newest == nullptr || *newest->status.run.completed < *backup->status.run.completed))
            newest = backup.get();
    if (newest != nullptr) {
        const auto* ended = api::find_condition(newest->status.conditions, "Succeeded");
        const auto reason = ended == nullptr ? std::nullopt : base::parse_reason(ended->reason);
        if (ended != nullptr && reason)
            conditions.set("LastRunSucceeded", {ended->status, *reason, newest->meta.name + ": " + ended->message});
        const auto* full = api::find_condition(newest->status.conditions, "UnexpectedFull");
        // That there was nothing to go on from is no surprise.
        const bool unexpected =
            full != nullptr && full->status == "True" && full->reason != to_string(Reason::kNoEarlierBackup);
        status.unexpected_full = unexpected ? newest->meta.name : std::string();
    }
    for (auto& event : told.events) decision.events.push_back(std::move(event));
}

std::optional<milliseconds> next_look(const Facts& facts, const schedule::Agenda& agenda) {
    std::optional<SystemTime> at;
    const auto sooner = [&](SystemTime time) { at = std::min(at.value_or(time), time); };
    if (agenda.next_look) sooner(*agenda.next_look);
    if (facts.current_at && facts.schedule.spec.rpo) {
        const auto stale = *facts.current_at + *facts.schedule.spec.rpo + seconds(1);
        if (stale > facts.now) sooner(stale);
    }
    if (!at) return std::nullopt;
    return std::max(std::chrono::ceil<milliseconds>(*at - facts.now), milliseconds(1));
}

}  // namespace

std::string backup_name(const std::string& schedule, SystemTime slot) {
    const auto day = std::chrono::floor<std::chrono::days>(slot);
    const std::chrono::year_month_day date(day);
    const auto minutes = std::chrono::floor<std::chrono::minutes>(slot - day).count();
    return fmt::format("{}-{:04}{:02}{:02}{:02}{:02}", schedule, int(date.year()), unsigned(date.month()),
                       unsigned(date.day()), minutes / 60, minutes % 60);
}

std::string backup_name_now(const std::string& schedule, const std::string& token) {
    return fmt::format("{}-now-{:08x}", schedule, base::fnv1a(token) & 0xffffffffU);
}

Decision decide(const Facts& facts) {
    const auto& schedule = facts.schedule;
    const auto understood = understand(schedule.spec);
    const schedule::Rules rules{.cadences = understood.cadences,
                                .delay = delay_of(schedule),
                                .starting_deadline = std::chrono::ceil<seconds>(schedule.spec.starting_deadline),
                                .suspended = schedule.spec.suspended,
                                .missed = schedule.spec.missed,
                                .concurrency = schedule.spec.concurrency};
    const auto agenda = schedule::decide(rules, state_of(schedule.status), whole(facts.now), runs_of(facts));
    Decision decision{.backups = {}, .status = schedule.status, .events = {}, .requeue = next_look(facts, agenda)};
    for (const auto& run : agenda.runs)
        decision.backups.push_back({.name = backup_name(schedule.meta.name, run.slot),
                                    .cadence = run.cadence,
                                    .slot = run.slot,
                                    .type = run.type,
                                    .not_after = run.not_after});
    tell_missed(agenda.notices, decision.events);
    auto& status = decision.status;
    status.observed_generation = schedule.meta.generation;
    status.suspended = schedule.spec.suspended;
    status.current_at = facts.current_at;
    status.next = agenda.next_look ? std::optional<SystemTime>(*agenda.next_look) : std::nullopt;
    show_cadences(understood, agenda, facts, status);
    learn_from_backups(facts, status);
    run_now(facts, decision);
    set_conditions(facts, understood, decision);
    return decision;
}

ScheduleStatus status_without_backups(const Decision& decision, const BackupSchedule& schedule,
                                      const std::string& backup, const std::string& error, SystemTime now) {
    auto status = decision.status;
    const auto& before = schedule.status;
    status.run_now = before.run_now;
    // Else the times of a suspension that is just over would count as missed at the next try.
    status.suspended = before.suspended;
    for (auto& cadence : status.cadences) {
        const auto known = std::ranges::find(before.cadences, cadence.name, &CadenceStatus::name);
        if (known == before.cadences.end()) continue;
        cadence.line = known->line;
        cadence.done_until = known->done_until;
        cadence.last = known->last;
        cadence.last_backup = known->last_backup;
        cadence.missed = known->missed;
    }
    // The conditions start from what was shown before, so that their transition times stay where nothing changes. A
    // status that differed at each try would be written at each try, and each write brings the next look at once.
    for (auto& condition : status.conditions) {
        const auto* shown = api::find_condition(before.conditions, condition.type);
        const bool told_here = condition.type == "Ready" || condition.type == "Reconciling";
        if (told_here && shown != nullptr) condition = *shown;
    }
    const auto text = fmt::format("the backup {} can't be made yet: ", backup);
    auto why = text + error;
    const auto* ready = api::find_condition(before.conditions, "Ready");
    const bool known = ready != nullptr && ready->message.starts_with(text) &&
                       run::tell_the_same(ready->message, why.substr(0, run::kMaxMessage));
    if (known) why = ready->message;
    run::ConditionWriter conditions(status.conditions, nullptr, {.now = now, .generation = schedule.meta.generation});
    conditions.set("Ready", {"False", Reason::kRunMissed, why});
    conditions.set("Reconciling", {"True", Reason::kRunMissed, why});
    return status;
}

}  // namespace n4b::backup_schedule
