#include "operator/kinds/backup_schedule/schedule_retention.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/quantity.hpp"
#include "common/base/rfc3339.hpp"
#include "common/base/saturating.hpp"
#include "common/calendar/time_zone.hpp"
#include "operator/api/names.hpp"
#include "operator/kinds/storage/storage_place.hpp"
#include "operator/run/condition_writer.hpp"
#include "operator/run/locks.hpp"
#include "operator/run/look.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Reason;
using base::SystemTime;
using contract::ChainFate;
using contract::PruneReport;
using std::chrono::milliseconds;
using Outcome = run::Verdict::Outcome;

constexpr char kApplied[] = "RetentionApplied";

/// A chain may be a million objects, each of which takes a request. What is not done by then goes on with the next run.
constexpr auto kStart = std::chrono::minutes(10);
constexpr auto kAttempt = std::chrono::hours(6);
constexpr auto kRun = std::chrono::hours(12);
/// Holds expire and locks end without a word to the operator.
constexpr milliseconds kPlanInterval = std::chrono::hours(24);
/// An increment lets a chain go only by `within`, so that a plan for each one would be mostly in vain.
constexpr milliseconds kPlanAfterIncrement = std::chrono::hours(6);
constexpr milliseconds kRetry = std::chrono::hours(1);
/// Between two plans, whatever the clocks say.
constexpr milliseconds kBetweenPlans = std::chrono::seconds(10);
/// The storage's clock, which says until when a chain waits, may be ahead of the operator's or behind it.
constexpr milliseconds kAfterWait = std::chrono::minutes(5);
/// How many chains an event names.
constexpr std::size_t kNamed = 5;

/// Whether the retention may begin something. A zone that does not exist is told by the condition Ready.
bool is_wanted(const ScheduleSpec& spec) {
    return spec.keep && !spec.suspended && calendar::TimeZone::find(spec.keep->time_zone).has_value();
}

bool is_current(const BackupSchedule& schedule) {
    return schedule.status.retention.generation == schedule.meta.generation;
}

/// What a plan told that goes, as many as one run may remove. Those that could not be removed the last time come after
/// the others, so that some that are locked for years keep no other one from going.
std::vector<std::string> announced(const RetentionStatus& retention) {
    std::vector<std::string> chains;
    if (!retention.plan) return chains;
    for (const auto& chain : retention.plan->chains)
        if (chain.fate == ChainFate::kGoes) chains.push_back(chain.chain);
    if (retention.result) {
        std::ranges::stable_partition(chains, [&](const std::string& chain) {
            return std::ranges::find(retention.result->chains, chain, &contract::PrunedReport::chain) ==
                   retention.result->chains.end();
        });
    }
    if (chains.size() > contract::kMostPruned) chains.resize(contract::kMostPruned);
    return chains;
}

/// What all attempts of a run did: an earlier one may have removed chains before it failed.
PruneReport merged(const PruneReport& earlier, PruneReport report) {
    for (const auto& chain : earlier.chains) {
        const bool told =
            std::ranges::find(report.chains, chain.chain, &contract::PrunedReport::chain) != report.chains.end();
        if (chain.fate == ChainFate::kRemoved && !told) report.chains.push_back(chain);
    }
    report.bytes = base::saturating_sum(report.bytes, earlier.bytes);
    report.keeps_versions = report.keeps_versions || earlier.keeps_versions;
    return report;
}

bool has_work(const PruneReport& plan) {
    return plan.goes > 0 || plan.going_on > 0;
}

std::int64_t count(const PruneReport& report, ChainFate fate) {
    return std::ranges::count(report.chains, fate, &contract::PrunedReport::fate);
}

std::string chains_text(std::int64_t count) {
    return count == 1 ? "1 chain" : fmt::format("{} chains", count);
}

/// The first few chains with that fate.
std::string names_of(const PruneReport& report, ChainFate fate) {
    std::string names;
    std::size_t named = 0;
    for (const auto& chain : report.chains) {
        if (chain.fate != fate) continue;
        if (++named > kNamed) return names + " and others";
        names += (names.empty() ? "" : ", ") + chain.chain;
    }
    return names;
}

std::string plan_text(const PruneReport& plan) {
    if (!has_work(plan)) return fmt::format("no chain goes; {} stay", plan.stays);
    auto text = plan.goes == 0
                    ? fmt::format("no chain goes; {} stay", plan.stays)
                    : fmt::format("{} can go by spec.keep ({}), {}; {} stay", chains_text(plan.goes),
                                  names_of(plan, ChainFate::kGoes), base::bytes_for_people(plan.bytes), plan.stays);
    if (plan.going_on > 0) text += fmt::format("; the removal of {} goes on", chains_text(plan.going_on));
    return text;
}

std::string result_text(const PruneReport& result) {
    auto text = fmt::format("{} removed, {}; {} stay", chains_text(count(result, ChainFate::kRemoved)),
                            base::bytes_for_people(result.bytes), result.stays);
    if (const auto waiting = count(result, ChainFate::kWaiting); waiting > 0) {
        text += fmt::format("; {} could still be written to, and goes later", chains_text(waiting));
        if (result.wait_until) text += ", not before " + base::format_rfc3339(*result.wait_until);
    }
    if (const auto held = count(result, ChainFate::kHeld); held > 0)
        text += fmt::format("; {} held meanwhile", chains_text(held));
    if (const auto locked = count(result, ChainFate::kLocked); locked > 0)
        text += fmt::format("; the storage keeps {} locked, which is tried again each day", chains_text(locked));
    if (result.keeps_versions)
        text += "; the bucket keeps old versions, which take room until a lifecycle rule removes them";
    return text;
}

/// Nobody counts on a run that nobody wants any more, or on the removal of what an older spec let go.
bool is_unwanted(const BackupSchedule& schedule) {
    const bool removes = schedule.status.retention.step == RetentionStep::kRemove;
    return !is_wanted(schedule.spec) || (removes && (schedule.spec.dry_run || !is_current(schedule)));
}

void tell_plan(const BackupSchedule& schedule, const PruneReport& plan, run::RunStep& step,
               run::ConditionWriter& conditions) {
    const auto text = plan_text(plan);
    if (!has_work(plan)) return conditions.set_quietly(kApplied, {"True", Reason::kReady, text});
    const bool dry = schedule.spec.dry_run;
    conditions.set_quietly(
        kApplied, {"Unknown", Reason::kPending, dry ? "spec.keep.dryRun is true, so nothing goes: " + text : text});
    if (plan.goes > 0) step.events.push_back({.reason = "RetentionPlanned", .note = dry ? text + " (dryRun)" : text});
}

}  // namespace

run::RunOwner retention_owner(const BackupSchedule& schedule) {
    auto owner =
        run::look_owner(schedule.meta, "Neo4jBackupSchedule", {.start = kStart, .attempt = kAttempt, .run = kRun});
    owner.policy.cancelled = is_unwanted(schedule);
    return owner;
}

LastSuccesses last_successes(const std::vector<std::shared_ptr<const backup::Backup>>& backups) {
    LastSuccesses last;
    const auto later = [](std::optional<SystemTime>& known, SystemTime time) {
        known = std::max(known.value_or(time), time);
    };
    for (const auto& backup : backups) {
        if (!backup->succeeded() || !backup->status.run.completed) continue;
        later(last.any, *backup->status.run.completed);
        const auto& artifact = backup->status.artifact;
        if (artifact && artifact->sequence == 0) later(last.full, *backup->status.run.completed);
    }
    return last;
}

std::optional<DueRetention> due_retention(const BackupSchedule& schedule, const LastSuccesses& last, SystemTime now) {
    const auto& retention = schedule.status.retention;
    if (!is_wanted(schedule.spec)) return std::nullopt;
    const auto in = [&](RetentionStep step, SystemTime at) {
        return DueRetention{.step = step, .left = std::max(milliseconds(0), std::chrono::ceil<milliseconds>(at - now))};
    };
    const DueRetention plan_now{.step = RetentionStep::kPlan};
    const auto refused = refused_at(schedule.status.conditions);
    if (retention.step == RetentionStep::kNone && refused) return in(RetentionStep::kPlan, *refused + kRetry);
    if (retention.step == RetentionStep::kNone || !is_current(schedule)) return plan_now;
    const auto ended = retention.run.completed.value_or(now);
    const auto begun = retention.run.started.value_or(ended);
    const auto* applied = api::find_condition(schedule.status.conditions, kApplied);
    if (applied != nullptr && applied->status == "False") return in(RetentionStep::kPlan, ended + kRetry);
    const bool planned = retention.step == RetentionStep::kPlan && retention.plan;
    if (planned && has_work(*retention.plan) && !schedule.spec.dry_run) return DueRetention{RetentionStep::kRemove, {}};
    const auto& result = retention.result;
    const bool removed = retention.step == RetentionStep::kRemove && result;
    // What this run had no room for has a plan of its own; where nothing went, that would go on for ever.
    if (removed && result->goes > 0 && count(*result, ChainFate::kRemoved) > 0) return plan_now;
    const auto planned_at = retention.planned.value_or(begun);
    auto at = planned_at + kPlanInterval;
    if (last.full && *last.full >= planned_at) {
        return in(RetentionStep::kPlan, std::max(*last.full, ended + kBetweenPlans));
    }
    if (last.any && *last.any >= planned_at) at = planned_at + kPlanAfterIncrement;
    if (removed && result->wait_until) at = std::min(at, std::max(*result->wait_until, ended) + kAfterWait);
    return in(RetentionStep::kPlan, at);
}

ScheduleStatus begun_retention(const BackupSchedule& schedule, RetentionStep step) {
    auto status = schedule.status;
    auto& retention = status.retention;
    retention.step = step;
    retention.run = run::begun_look(retention.run);
    if (step == RetentionStep::kPlan) retention.generation = schedule.meta.generation;
    return status;
}

bool is_forgotten(const BackupSchedule& schedule) {
    const auto& retention = schedule.status.retention;
    return !schedule.spec.keep && retention.step != RetentionStep::kNone && retention.run.finished();
}

ScheduleStatus without_retention(const ScheduleStatus& status) {
    auto shown = status;
    shown.retention = {};
    std::erase_if(shown.conditions,
                  [](const auto& condition) { return condition.type == kApplied || condition.type == kPruning; });
    return shown;
}

run::Preparation prepare_retention(const BackupSchedule& schedule, const RetentionReferences& refs,
                                   const run::RunnerConfig& config) {
    const auto& spec = schedule.spec;
    if (refs.source == nullptr) {
        return {.hindrance = run::Hindrance{Reason::kSourceNotFound,
                                            fmt::format("no Neo4jBackupSource \"{}\" in this namespace", spec.source)}};
    }
    if (auto closed = storage::closed_place(spec.storage, refs.storage, refs.claim)) {
        return {.hindrance = std::move(closed)};
    }
    const auto& storage = *refs.storage;
    run::Preparation prepared{.profile = storage::profile_of(storage, {}, config)};
    prepared.spec = {.command = contract::Command::kPrune,
                     .source = refs.source->identity(),
                     .database = spec.database.empty() ? refs.source->spec.database : spec.database};
    prepared.spec.run.schedule = schedule.meta.name;
    prepared.spec.prune.keep = spec.keep.value_or(contract::KeepSpec{});
    if (schedule.status.retention.step == RetentionStep::kRemove) {
        prepared.spec.prune.chains = announced(schedule.status.retention);
    }
    storage::name_storage(storage, prepared.spec);
    prepared.spec.repository = storage.status.repository;
    prepared.mounts = storage::mounts_of(storage);
    prepared.locks = {run::retention_lock(schedule.meta.object_namespace, schedule.meta.name)};
    if (auto lock = storage::volume_lock(storage, refs.claim)) prepared.locks.push_back(*std::move(lock));
    prepared.labels = {{api::kSourceLabel, prepared.spec.source},
                       {api::kDatabaseLabel, prepared.spec.database},
                       {api::kStorageLabel, storage.meta.name}};
    return prepared;
}

ScheduleStatus status_after_retention(const BackupSchedule& schedule, run::RunStep& step, SystemTime now) {
    auto status = schedule.status;
    auto& retention = status.retention;
    run::ConditionWriter conditions(status.conditions, &step, {.now = now, .generation = schedule.meta.generation});
    retention.run = step.status;
    auto& verdict = step.verdict;
    if (verdict.reason == Reason::kCancelled) {
        verdict.message = "spec.keep has changed or the schedule was suspended, so the run was ended";
    }
    const bool active = verdict.outcome == Outcome::kUnknown;
    conditions.set_quietly(kPruning, {active ? "True" : "False", verdict.reason, verdict.message});
    const auto report = step.report ? step.report->prune : std::nullopt;
    const bool removes = retention.step == RetentionStep::kRemove;
    // Also of a run that failed half-way: what is gone is gone.
    if (removes && report) {
        const bool same_run = retention.removed && step.status.started && *retention.removed >= *step.status.started;
        retention.result = same_run && retention.result ? merged(*retention.result, *report) : *report;
        retention.removed = now;
        if (count(*report, ChainFate::kRemoved) > 0)
            step.events.push_back({.reason = "RetentionApplied", .note = result_text(*report)});
    }
    if (verdict.outcome == Outcome::kSucceeded && report && !removes) {
        retention.plan = report;
        retention.planned = step.status.started.value_or(now);
        tell_plan(schedule, *report, step, conditions);
    } else if (verdict.outcome == Outcome::kSucceeded && report) {
        conditions.set_quietly(kApplied, {"True", Reason::kReady, result_text(*retention.result)});
    } else if (verdict.outcome == Outcome::kFailed || verdict.outcome == Outcome::kSucceeded) {
        conditions.set(kApplied, {"False", verdict.reason, verdict.message});
    } else if (api::find_condition(status.conditions, kApplied) == nullptr) {
        conditions.set_quietly(kApplied, {"Unknown", verdict.reason, "no plan has been made yet"});
    }
    return status;
}

run::Verdict retention_verdict(const BackupSchedule& schedule) {
    const auto* condition = api::find_condition(schedule.status.conditions, kPruning);
    if (condition == nullptr) return {};
    return {.outcome = condition->status == "True" ? Outcome::kUnknown : Outcome::kSucceeded,
            .reason = base::parse_reason(condition->reason).value_or(Reason::kPending),
            .message = condition->message};
}

}  // namespace n4b::backup_schedule
