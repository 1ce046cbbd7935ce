#include "operator/kinds/backup/backup_plan.hpp"

#include <fmt/format.h>

#include "operator/api/names.hpp"
#include "operator/api/reasons.hpp"
#include "operator/kinds/backup/source_trust.hpp"
#include "operator/kinds/source/tls_mounts.hpp"
#include "operator/kinds/storage/storage_place.hpp"
#include "operator/run/locks.hpp"

namespace n4b::backup {
namespace {

using base::Reason;
using Outcome = run::Verdict::Outcome;

constexpr char kUnexpectedFull[] = "UnexpectedFull";

std::string called(const std::string& address, const std::string& member) {
    return member.empty() ? address : fmt::format("{} ({})", address, member);
}

/// What a report says about where a copy came from: a Warning event when a core was used although read replicas are
/// preferred, and one for each member that was passed over. A report of an artifact that was found finished says only
/// where it came from.
void tell_source(run::RunStep& step, const source::Source* source, const contract::RunReport& report) {
    if (report.adopted) return;
    const bool done = report.reason == Reason::kCompleted;
    // With one member passed over and no success, the attempt's own event says the same.
    if (!done && report.passed_over.size() < 2) return;
    for (const auto& other : report.passed_over) {
        step.events.push_back({.warning = true,
                               .reason = "SourcePassedOver",
                               .note = fmt::format("{}: {}: {}", called(other.address, other.member),
                                                   to_string(other.reason), other.message)});
    }
    const bool prefers = source != nullptr && source->spec.policy == contract::SourcePolicy::kPreferReplica;
    if (!done || !prefers || !report.source || report.source->role == contract::MemberRole::kReadReplica) return;
    step.events.push_back(
        {.warning = true,
         .reason = "SourceFallback",
         .note = fmt::format("copied from {}, {}", called(report.source->address, report.source->member),
                             report.source->choice)});
}

/// Commands of unknown types lower the level that a backup reaches and fail none, so only this tells whoever relies on
/// the level: a Warning event.
void tell_lower_level(const Backup& backup, const contract::ArtifactReport& artifact, run::RunStep& step) {
    const auto reached = contract::parse_verify_level(artifact.level).value_or(contract::VerifyLevel::kWritten);
    if (reached >= backup.spec.verify) return;
    step.events.push_back({.warning = true,
                           .reason = "LevelNotReached",
                           .note = fmt::format("verified up to {}, spec.verify asks for {}: the backup holds commands "
                                               "that the runner does not know",
                                               to_string(reached), to_string(backup.spec.verify))});
}

std::string database_of(const Backup& backup, const source::Source& source) {
    return backup.spec.database.empty() ? source.spec.database : backup.spec.database;
}

std::string success_text(const contract::RunReport& report) {
    if (const auto& found = report.up_to_date) {
        return fmt::format("nothing new since transaction {}: chain {} holds all that the source has",
                           found->transaction, found->chain);
    }
    return fmt::format("{} up to transaction {} in chain {}{}", report.artifact->kind,
                       report.artifact->highest_transaction, report.artifact->chain,
                       report.adopted ? " (found finished)" : "");
}

/// A full backup in place of a wanted increment takes longer and more room than its user expects, and what the
/// increment failed for often needs somebody: a Warning event, and once there is a backup, the condition
/// UnexpectedFull.
void tell_unexpected_full(BackupStatus& status, run::RunStep& step, const run::Stamp& stamp) {
    const auto& why = step.report->unexpected_full;
    if (!why) return;
    const auto text = api::with_advice(why->reason, why->message);
    step.events.push_back({.warning = true,
                           .reason = kUnexpectedFull,
                           .note = fmt::format("an increment is impossible: {}: {}", to_string(why->reason), text)});
    if (status.artifact) run::set_condition(status.conditions, stamp, kUnexpectedFull, "True", why->reason, text);
}

}  // namespace

run::RunOwner owner_of(const Backup& backup) {
    return {.meta = backup.meta,
            .kind = "Neo4jBackup",
            .policy = backup.spec.policy,
            .memory_limit = backup.status.memory_limit};
}

std::vector<std::string> first_locks(const Backup& backup, const source::Source* source) {
    if (source == nullptr) return {};
    return {run::source_lock(backup.meta.object_namespace, source->identity(), database_of(backup, *source))};
}

std::optional<run::Hindrance> closed_gate(const Backup& backup, const References& refs) {
    if (refs.source == nullptr) {
        return run::Hindrance{Reason::kSourceNotFound,
                              fmt::format("no Neo4jBackupSource \"{}\" in this namespace", backup.spec.source)};
    }
    if (!backup.spec.database.empty() && backup.spec.database != refs.source->spec.database) {
        return run::Hindrance{Reason::kSourceNotReady,
                              fmt::format("spec.databases names \"{}\", but source \"{}\" holds \"{}\"",
                                          backup.spec.database, backup.spec.source, refs.source->spec.database)};
    }
    return storage::closed_place(backup.spec.storage, refs.storage, refs.claim);
}

std::optional<run::Hindrance> closed_endpoints(const References& refs) {
    if (!refs.endpoints.empty()) return std::nullopt;
    const auto& service = refs.source->spec.service;
    return run::Hindrance{Reason::kServiceHasNoEndpoints,
                          fmt::format("Service \"{}\" has no ready address with a port named \"{}\"",
                                      service ? service->name : "", service ? service->port : "")};
}

run::Preparation prepare(const Backup& backup, const References& refs, const run::RunnerConfig& config,
                         const run::StartAttempt& start) {
    const auto& source = *refs.source;
    const auto& storage = *refs.storage;
    const auto database = database_of(backup, source);
    run::Preparation prepared{.profile = storage::profile_of(storage, backup.spec.resources, config)};
    prepared.spec = {.command = start.look_up ? contract::Command::kLookUp : contract::Command::kBackup,
                     .source = source.identity(),
                     .database = database,
                     .verify = backup.spec.verify,
                     .timeouts = backup.spec.timeouts};
    // Whose retention the chain is subject to, if this backup begins one.
    prepared.spec.run.schedule = backup.meta.schedule;
    storage::name_storage(storage, prepared.spec);
    prepared.mounts = storage::mounts_of(storage);
    if (!start.look_up) {
        storage::name_repository(storage, prepared.spec);
        prepared.spec.endpoints = refs.endpoints;
        prepared.spec.tls = source::tls_spec(source);
        prepared.spec.policy = source.spec.policy;
        prepared.spec.max_lag = source.spec.max_lag;
        prepared.spec.type = backup.spec.type;
        prepared.spec.when_impossible = backup.spec.when_impossible;
        prepared.spec.max_chain_length = backup.spec.max_chain_length;
        prepared.spec.compression = backup.spec.compression;
        prepared.spec.connections = backup.spec.connections;
        prepared.spec.bandwidth_limit = backup.spec.bandwidth_limit;
        for (auto& mount : source::tls_mounts(source)) prepared.mounts.push_back(std::move(mount));
    }
    prepared.locks = first_locks(backup, &source);
    if (auto lock = storage::volume_lock(storage, refs.claim)) prepared.locks.push_back(*std::move(lock));
    prepared.labels = {{api::kSourceLabel, source.identity()},
                       {api::kDatabaseLabel, database},
                       {api::kStorageLabel, storage.meta.name}};
    return prepared;
}

BackupStatus status_after(const StepInputs& in, run::RunStep& step) {
    BackupStatus status = in.backup.status;
    const run::Stamp stamp{.now = in.now, .generation = in.backup.meta.generation};
    if (step.start && in.prepared != nullptr) {
        status.runner_image = in.runner_image;
        status.memory_limit = api::memory_limit(in.prepared->profile.resources);
        if (!step.start->look_up && in.source != nullptr) {
            tell_trust_at_start(status, in.source->spec.tls, step, stamp);
        }
    }
    if (step.report) {
        if (step.report->source) status.source = step.report->source;
        tell_source(step, in.source, *step.report);
        if (step.verdict.outcome == Outcome::kSucceeded) {
            status.artifact = step.report->artifact;
            status.up_to_date = step.report->up_to_date;
            status.tls = step.report->tls;
            tell_trust_at_end(status, *step.report, step, stamp);
            if (status.artifact) tell_lower_level(in.backup, *status.artifact, step);
            step.verdict.message = success_text(*step.report);
        }
        tell_unexpected_full(status, step, stamp);
    }
    if (in.source != nullptr && status.database.empty()) status.database = database_of(in.backup, *in.source);
    run::tell_end(step, "backup");
    status.run = step.status;
    run::set_verdict(status.conditions, step.verdict, stamp);
    status.observed_generation = in.backup.meta.generation;
    return status;
}

}  // namespace n4b::backup
