#include "operator/kinds/storage/storage_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/names.hpp"
#include "operator/api/reasons.hpp"
#include "operator/kinds/storage/storage_place.hpp"
#include "operator/kinds/storage/what_failed.hpp"
#include "operator/run/condition_writer.hpp"
#include "operator/run/locks.hpp"
#include "operator/run/look.hpp"

namespace n4b::storage {
namespace {

using base::Reason;
using contract::ExclusiveCreate;
using run::Finding;
using std::chrono::milliseconds;
using Outcome = run::Verdict::Outcome;

// A look takes seconds; the rest is for a volume that is made, attached and mounted for the first time, and for a list
// of thousands of chains.
constexpr auto kStart = std::chrono::minutes(5);
constexpr auto kAttempt = std::chrono::minutes(20);
constexpr auto kRun = std::chrono::minutes(60);
constexpr milliseconds kProbeAfterFailure = std::chrono::minutes(10);
/// Schedules may remove chains one after the other, and one look tells of all.
constexpr milliseconds kProbeAfterRemoval = std::chrono::minutes(1);
/// Storages refuse requests whose time is off by more than 15 minutes. A slow network can't explain more than this.
constexpr milliseconds kOddClock = std::chrono::minutes(5);

Finding exclusive_create(ExclusiveCreate found) {
    switch (found) {
        case ExclusiveCreate::kHeld:
            return {"True", Reason::kExclusiveCreateHeld, "the second of two writers of one name is refused"};
        case ExclusiveCreate::kIgnored:
            return {"False", Reason::kExclusiveCreateIgnored,
                    "the second of two writers of one name replaces the first one's object, and neither is told"};
        case ExclusiveCreate::kRefused:
            return {"False", Reason::kExclusiveCreateRefused, "the storage takes no conditional writes"};
    }
    return {};
}

std::string success_text(const contract::StorageReport& found) {
    std::string text = found.locks_by_itself ? "an object was written, read and listed; the storage locks it by itself "
                                               "against deletion, so that it stays until its lock has ended"
                                             : "an object was written, read, listed and deleted";
    if (found.keeps_versions)
        text += "; the bucket keeps versions of what is deleted, until a lifecycle rule ends them";
    return text;
}

void warn_of_clock(const contract::StorageReport& found, run::RunStep& step) {
    if (found.clock_offset <= kOddClock && found.clock_offset >= -kOddClock) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(found.clock_offset).count();
    step.events.push_back(
        {.warning = true,
         .reason = std::string(to_string(Reason::kStorageClockSkewed)),
         .note = fmt::format("the storage's clock is {} s {} the runner's. {}", seconds < 0 ? -seconds : seconds,
                             seconds < 0 ? "behind" : "ahead of", api::advice(Reason::kStorageClockSkewed))});
}

void tell_success(const contract::StorageReport& found, run::RunStep& step, run::ConditionWriter& conditions) {
    const Finding good{"True", Reason::kReady, success_text(found)};
    conditions.set("Ready", good);
    conditions.set_quietly("Reachable", good);
    conditions.set_quietly("Writable", good);
    conditions.set("ExclusiveCreate", exclusive_create(found.exclusive_create));
    warn_of_clock(found, step);
}

/// Keeps what the last successful look found of the storage's abilities. Where the object of the look could be written,
/// but the repository is wrong or missing, `Writable` is still True.
void tell_failure(const run::Verdict& verdict, const std::optional<contract::RunReport>& report,
                  run::ConditionWriter& conditions) {
    const auto finding = [&](const char* status) { return Finding{status, verdict.reason, verdict.message}; };
    conditions.set("Ready", finding("False"));
    if (report && report->storage) {
        conditions.set_quietly("Reachable", finding("True"));
        conditions.set_quietly("Writable", {"True", Reason::kReady, success_text(*report->storage)});
        return;
    }
    const auto failed = what_failed(verdict.reason);
    conditions.set_quietly("Reachable", finding(failed == Failed::kUnknown    ? "Unknown"
                                                : failed == Failed::kToAnswer ? "False"
                                                                              : "True"));
    conditions.set_quietly("Writable", finding(failed == Failed::kUnknown ? "Unknown" : "False"));
}

/// What the look found of the backups there, where it could list them and its list has arrived.
void tell_catalogue(const run::RunStep& step, bool listed, StorageStatus& status, run::ConditionWriter& conditions) {
    const auto& found = step.report->catalogue;
    if (!found) {
        conditions.set("Catalogued", {"False", Reason::kRetrying, step.report->message});
        return;
    }
    if (!listed) {
        conditions.set("Catalogued",
                       {"False", Reason::kRetrying,
                        fmt::format("{} chains lie there, but the operator could not fetch what they are from the "
                                    "runner's port {}; it looks again in some minutes",
                                    found->chains, run::kRunnerHttpPort)});
        return;
    }
    status.catalogue = FoundBackups{.time = status.run.started.value_or(base::SystemTime{}),
                                    .chains = found->chains,
                                    .artifacts = found->artifacts,
                                    .left_out = found->left_out};
    std::string text =
        fmt::format("{} chains with {} backups are shown as Neo4jBackupChain objects", found->chains, found->artifacts);
    if (found->left_out > 0)
        text += fmt::format("; {} older chains are not, since there are too many", found->left_out);
    conditions.set_quietly("Catalogued", {"True", Reason::kReady, std::move(text)});
}

bool is_about_claim(Reason reason) {
    return reason == Reason::kClaimNotFound || reason == Reason::kClaimNotBound || reason == Reason::kClaimLost ||
           reason == Reason::kClaimTerminating;
}

}  // namespace

run::RunOwner owner_of(const Storage& storage) {
    return run::look_owner(storage.meta, "Neo4jBackupStorage", {.start = kStart, .attempt = kAttempt, .run = kRun});
}

std::optional<run::Hindrance> closed_gate(const Storage& storage, const ClaimInputs& in) {
    if (storage.spec.s3) return std::nullopt;
    const auto& name = storage.spec.claim;
    if (!in.claim) {
        return run::Hindrance{Reason::kClaimNotFound,
                              fmt::format("no PersistentVolumeClaim \"{}\" in this namespace", name)};
    }
    if (in.claim->terminating) {
        return run::Hindrance{Reason::kClaimTerminating, fmt::format("claim {} is being deleted", name)};
    }
    if (in.claim->phase == "Bound") return std::nullopt;
    if (in.claim->phase == "Lost") {
        return run::Hindrance{Reason::kClaimLost, fmt::format("claim {} lost its volume", name)};
    }
    run::Hindrance hindrance{Reason::kClaimNotBound, fmt::format("claim {} is {}", name, in.claim->phase)};
    if (in.events.empty()) return hindrance;
    const auto& last = in.events.back();
    // The pod of the look binds it.
    if (last.reason == "WaitForFirstConsumer" || last.reason == "WaitForPodScheduled") return std::nullopt;
    hindrance.message += ": " + last.message;
    return hindrance;
}

milliseconds until_probe(const Storage& storage, bool closed, const ShownChains& shown, base::SystemTime now) {
    const auto& status = storage.status;
    const auto* ready = api::find_condition(status.conditions, "Ready");
    const bool current = ready != nullptr && ready->observed_generation == storage.meta.generation;
    if (closed || !current || !status.last_probe) return milliseconds(0);
    auto interval = storage.spec.probe_interval;
    const auto& catalogue = status.catalogue;
    const bool all_shown = catalogue && static_cast<std::int64_t>(shown.count) >= catalogue->chains;
    const auto* catalogued = api::find_condition(status.conditions, "Catalogued");
    const bool known = catalogued != nullptr && catalogued->status == "True" && all_shown;
    const bool works = ready->status == "True" && known;
    if (!works) interval = std::min(interval, kProbeAfterFailure);
    // Where the list can't be fetched either, a look each minute would go on for ever.
    if (works && shown.outdated) interval = std::min(interval, kProbeAfterRemoval);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*status.last_probe + interval - now));
}

StorageStatus begun(const StorageStatus& status) {
    StorageStatus next = status;
    next.run = run::begun_look(status.run);
    return next;
}

std::vector<std::string> awaited_locks(const Storage& storage) {
    const auto& ns = storage.meta.object_namespace;
    std::vector<std::string> locks{run::look_lock(ns, storage.meta.name)};
    // Of a claim that many pods can mount at once nobody ever holds the lock.
    if (!storage.spec.s3) locks.push_back(run::claim_lock(ns, storage.spec.claim));
    return locks;
}

run::Preparation prepare(const Storage& storage, const ClaimInputs& inputs, const run::RunnerConfig& config) {
    if (auto closed = closed_gate(storage, inputs)) return {.hindrance = std::move(closed)};
    run::Preparation prepared{.locks = {run::look_lock(storage.meta.object_namespace, storage.meta.name)},
                              .profile = api::merged(config.defaults, storage.spec.runner),
                              .spec = {.command = contract::Command::kCheckStorage},
                              .mounts = mounts_of(storage),
                              .labels = {{api::kStorageLabel, storage.meta.name}}};
    name_storage(storage, prepared.spec);
    name_repository(storage, prepared.spec);
    return prepared;
}

StorageStatus status_after(const Storage& storage, run::RunStep& step, bool listed, base::SystemTime now) {
    StorageStatus status = storage.status;
    const run::Stamp stamp{
        .now = now,
        .generation = run::looked_at_generation(storage.status.run, storage.status.observed_generation, storage.meta)};
    run::ConditionWriter conditions(status.conditions, &step, stamp);
    status.run = step.status;
    status.observed_generation = stamp.generation;
    if (step.report && status.repository.empty()) status.repository = step.report->repository;
    auto& verdict = step.verdict;
    const bool active = verdict.outcome == Outcome::kUnknown;
    const bool succeeded = verdict.outcome == Outcome::kSucceeded && step.report && step.report->storage;
    if (succeeded) {
        status.found = step.report->storage;
        status.last_success = now;
        tell_success(*status.found, step, conditions);
        tell_catalogue(step, listed, status, conditions);
    } else if (!active || is_about_claim(verdict.reason)) {
        tell_failure(verdict, step.report, conditions);
    } else if (api::find_condition(status.conditions, "Ready") == nullptr) {
        conditions.set("Ready", {"Unknown", verdict.reason, "the storage has not been looked at yet"});
    }
    if (!active) status.last_probe = now;
    const auto* ready = api::find_condition(status.conditions, "Ready");
    const bool stalled = ready != nullptr && ready->status == "False" && (!active || is_about_claim(verdict.reason));
    conditions.set_quietly("Reconciling", {active ? "True" : "False", verdict.reason, verdict.message});
    conditions.set_quietly("Stalled", {stalled ? "True" : "False", verdict.reason, verdict.message});
    status.display = display_of(storage.spec, status);
    return status;
}

}  // namespace n4b::storage
