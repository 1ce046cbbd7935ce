#include "operator/kinds/restore/restore_plan.hpp"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "operator/api/names.hpp"
#include "operator/kinds/storage/storage_place.hpp"
#include "operator/run/locks.hpp"
#include "operator/run/mounts.hpp"

namespace n4b::restore {
namespace {

using base::Reason;
using Outcome = run::Verdict::Outcome;

constexpr char kVolume[] = "/target";
constexpr char kTargetVolume[] = "target";

std::string path_of(const Restore& restore, const std::string& database) {
    return restore.spec.path.empty() ? "databases/" + database : restore.spec.path;
}

std::string below_volume(const std::string& path) {
    return path.empty() ? std::string() : fmt::format("{}/{}", kVolume, path);
}

/// By what the storage knows the source of a backup. Where the backup's head lies tells it for certain; of one that
/// found nothing new, the source that it names does.
std::string identity_of(const backup::Backup& backup, const source::Source* source) {
    const auto& artifact = backup.status.artifact;
    const auto slash = artifact ? artifact->location.find('/') : std::string::npos;
    if (slash != std::string::npos) return artifact->location.substr(0, slash);
    return source != nullptr ? source->identity() : backup.spec.source;
}

run::Hindrance no_target(const std::string& message) {
    return {Reason::kTargetNotReady, message};
}

std::string success_text(const Restore& restore, const RestoreStatus& status, const contract::RunReport& report) {
    return fmt::format("transactions up to {} are in {} of claim {}{}{}: {}", report.restored->transaction, status.path,
                       restore.spec.claim, report.adopted ? " (found finished)" : "",
                       status.recovered ? fmt::format(", recovered by image {}", status.server_image) : "",
                       report.message);
}

/// Where a run that fails has left a database: what its last attempt restored, or may have.
std::string left_text(const Restore& restore, const RestoreStatus& status, const run::RunStep& step) {
    const auto path = path_of(restore, status.database);
    if (!step.report) {
        return fmt::format("; if {}/RESTORED.json is in claim {}, the restore had finished", path, restore.spec.claim);
    }
    // The runner did its work, so it is the server that failed.
    if (!step.report->restored) return {};
    return fmt::format("; transactions up to {} are in {} of claim {}, not recovered",
                       step.report->restored->transaction, path, restore.spec.claim);
}

std::optional<run::Hindrance> closed_server(const Restore& restore, const References& refs) {
    if (restore.spec.recovery == Recovery::kNone) return std::nullopt;
    const auto missing = [](const std::string& message) {
        return run::Hindrance{Reason::kRecoveryServerMissing, "spec.recovery is Server, and " + message};
    };
    if (refs.server == nullptr) {
        return missing(
            fmt::format("no Neo4jBackupSource in this namespace has \"{}\" as its spec.name, or as its own "
                        "name where it has no spec.name; expected one with spec.server",
                        refs.origin.source));
    }
    const auto& name = refs.server->meta.name;
    const auto& server = refs.server->spec.server;
    if (!server) {
        return missing(
            fmt::format("Neo4jBackupSource \"{}\" has no spec.server; expected image and acceptLicense: true "
                        "there",
                        name));
    }
    if (server->image.empty()) {
        return missing(
            fmt::format("spec.server.image of Neo4jBackupSource \"{}\" is empty; expected an image of the "
                        "version that wrote the database",
                        name));
    }
    if (server->accept_license) return std::nullopt;
    return missing(
        fmt::format("spec.server.acceptLicense of Neo4jBackupSource \"{}\" is not true; expected true, which "
                    "accepts the licence of image {}",
                    name, server->image));
}

}  // namespace

run::RunOwner owner_of(const Restore& restore) {
    return {.meta = restore.meta,
            .kind = "Neo4jRestore",
            .policy = restore.spec.policy,
            .memory_limit = restore.status.memory_limit,
            .server_memory_limit = restore.status.server_memory_limit};
}

std::optional<run::Hindrance> closed_backup(const Restore& restore, const Named& named) {
    const auto& name = restore.spec.backup;
    if (name.empty()) return std::nullopt;
    if (named.backup == nullptr) {
        return run::Hindrance{Reason::kBackupNotFound, fmt::format("no Neo4jBackup \"{}\" in this namespace", name)};
    }
    const auto& status = named.backup->status;
    if (named.backup->succeeded() && (status.artifact || status.up_to_date)) return std::nullopt;
    const auto verdict = run::verdict_of(status.conditions);
    // A verdict never changes, so a backup that has ended without success will not become one.
    return run::Hindrance{.reason = Reason::kBackupNotReady,
                          .message = fmt::format("Neo4jBackup \"{}\" has not succeeded: {}: {}", name,
                                                 to_string(verdict.reason), verdict.message),
                          .for_ever = verdict.outcome != Outcome::kUnknown};
}

std::optional<Origin> pinned_origin(const Restore& restore) {
    const auto& status = restore.status;
    if (restore.spec.backup.empty() || status.chain.empty()) return std::nullopt;
    return Origin{.storage = status.storage,
                  .source = status.source,
                  .database = status.database,
                  .chain = status.chain,
                  .transaction = status.transaction};
}

Origin origin_of(const Restore& restore, const Named& named) {
    const auto& spec = restore.spec;
    if (spec.backup.empty()) {
        return {.storage = spec.storage, .source = spec.source, .database = spec.database, .chain = spec.chain};
    }
    const auto& backup = *named.backup;
    const auto& status = backup.status;
    Origin origin{.storage = backup.spec.storage,
                  .source = identity_of(backup, named.source),
                  .database = status.artifact ? status.artifact->database : status.database,
                  .chain = status.artifact ? status.artifact->chain : status.up_to_date->chain};
    const bool has_point = spec.before_time || spec.before_transaction;
    if (!has_point) {
        origin.transaction = status.artifact ? status.artifact->highest_transaction : status.up_to_date->transaction;
    }
    return origin;
}

const source::Source* server_source(const Named& named, const std::string& identity,
                                    const std::vector<std::shared_ptr<const source::Source>>& sources) {
    if (named.source != nullptr && named.source->identity() == identity) return named.source;
    // One that says with which server comes first, then the one whose name does: which is taken must not change.
    const auto rank = [](const auto& each) { return std::tuple(!each->spec.server.has_value(), each->meta.name); };
    const source::Source* found = nullptr;
    for (const auto& each : sources) {
        if (each->identity() == identity && (found == nullptr || rank(each.get()) < rank(found))) found = each.get();
    }
    return found;
}

std::vector<std::string> first_locks(const Restore& restore) {
    const auto& ns = restore.meta.object_namespace;
    // Whatever the claim's access modes are: two restores never write side by side. The first takes a slot.
    return {run::target_lock(ns, restore.spec.claim), run::claim_lock(ns, restore.spec.claim)};
}

std::optional<run::Hindrance> closed_gate(const Restore& restore, const References& refs) {
    if (auto closed = storage::closed_place(refs.origin.storage, refs.storage, refs.storage_claim)) return closed;
    if (auto closed = closed_server(restore, refs)) return closed;
    const auto& claim = restore.spec.claim;
    if (refs.storage_on_target) {
        return no_target(fmt::format("claim {} holds the backups of storage \"{}\"", claim, *refs.storage_on_target));
    }
    if (!refs.target) return no_target(fmt::format("no PersistentVolumeClaim \"{}\" in this namespace", claim));
    if (refs.target->terminating) return no_target(fmt::format("claim {} is being deleted", claim));
    if (refs.user_of_target) {
        return run::Hindrance{Reason::kTargetInUse, fmt::format("pod {} uses claim {}", *refs.user_of_target, claim)};
    }
    return std::nullopt;
}

run::Preparation prepare(const Restore& restore, const References& refs, const run::RunnerConfig& config) {
    const auto& storage = *refs.storage;
    const auto& origin = refs.origin;
    run::Preparation prepared{.profile = storage::profile_of(storage, restore.spec.resources, config)};
    prepared.spec = {.command = contract::Command::kRestore, .source = origin.source, .database = origin.database};
    prepared.spec.restore = {.chain = origin.chain,
                             .transaction = origin.transaction,
                             .before_transaction = restore.spec.before_transaction,
                             .before_time = restore.spec.before_time,
                             .directory = below_volume(path_of(restore, origin.database)),
                             .log_directory = below_volume(restore.spec.log_path)};
    storage::name_storage(storage, prepared.spec);
    prepared.spec.repository = storage.status.repository;
    prepared.mounts = storage::mounts_of(storage);
    prepared.mounts.push_back(run::claim_mount(kTargetVolume, kVolume, restore.spec.claim));
    if (restore.spec.recovery == Recovery::kServer) {
        const auto& server = *refs.server->spec.server;
        prepared.server = run::RecoveryServer{.image = server.image,
                                              .resources = run::server_resources(server.resources),
                                              .database = origin.database,
                                              .volume = kTargetVolume,
                                              .path = path_of(restore, origin.database),
                                              .log_path = restore.spec.log_path};
    }
    prepared.locks = first_locks(restore);
    if (auto lock = storage::volume_lock(storage, refs.storage_claim)) prepared.locks.push_back(*std::move(lock));
    prepared.labels = {{api::kSourceLabel, origin.source},
                       {api::kDatabaseLabel, origin.database},
                       {api::kStorageLabel, storage.meta.name}};
    return prepared;
}

RestoreStatus status_after(const StepInputs& in, run::RunStep& step) {
    RestoreStatus status = in.restore.status;
    const run::Stamp stamp{.now = in.now, .generation = in.restore.meta.generation};
    if (step.start && in.prepared != nullptr) {
        status.runner_image = in.runner_image;
        status.memory_limit = api::memory_limit(in.prepared->profile.resources);
        if (const auto& server = in.prepared->server) {
            status.server_image = server->image;
            status.server_memory_limit = api::memory_limit(server->resources);
        }
        status.storage = in.prepared->labels.at(api::kStorageLabel);
        status.source = in.prepared->spec.source;
        status.database = in.prepared->spec.database;
        status.chain = in.prepared->spec.restore.chain;
        status.transaction = in.prepared->spec.restore.transaction;
    }
    if (step.verdict.outcome == Outcome::kFailed && !status.database.empty()) {
        step.verdict.message += left_text(in.restore, status, step);
    }
    if (step.verdict.outcome == Outcome::kSucceeded && step.report && step.report->restored) {
        status.restored = step.report->restored;
        status.path = path_of(in.restore, status.database);
        status.log_path = in.restore.spec.log_path;
        status.recovered = in.restore.spec.recovery == Recovery::kServer;
        step.verdict.message = success_text(in.restore, status, *step.report);
    }
    run::tell_end(step, "restore");
    status.run = step.status;
    run::set_verdict(status.conditions, step.verdict, stamp);
    status.observed_generation = in.restore.meta.generation;
    return status;
}

}  // namespace n4b::restore
