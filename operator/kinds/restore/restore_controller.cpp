#include "operator/kinds/restore/restore_controller.hpp"

#include <memory>
#include <utility>

#include "operator/jobs/fresh_object.hpp"
#include "operator/kinds/claims.hpp"
#include "operator/kinds/one_run.hpp"
#include "operator/kinds/restore/restore_plan.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::restore {
namespace {

using base::Result;
using jobs::Requeue;

constexpr char kKind[] = "Neo4jRestore";
constexpr char kPlural[] = "neo4jrestores";

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, kPlural, meta.name);
}

}  // namespace

Result<Requeue> RestoreController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto known = stores_.restores.get(key);
    environment_.locks.sweep(kKind, key, known ? known->meta.uid : std::string());
    if (!known) {
        const auto mark = stores_.restores.unreadable(key);
        if (mark) N4B_TRY_VOID(kinds::refuse(environment_.client, environment_.clock, kPlural, *mark));
        return Requeue{};
    }
    return jobs::drive_fresh<Restore>(environment_.client, path_of(known->meta), &parse_restore, *known, stop,
                                      [this](const Restore& restore) { return drive(restore); });
}

Result<Requeue> RestoreController::drive(const Restore& restore) {
    const auto finish = [&](run::RunStep& step, const run::Preparation* prepared) -> jobs::StatusTexts {
        const auto status = status_after({.restore = restore,
                                          .prepared = prepared,
                                          .runner_image = environment_.config.image,
                                          .now = environment_.clock.system_now()},
                                         step);
        return {.whole = status_json(status),
                .conditions = run::conditions_json(status.observed_generation, status.conditions)};
    };
    N4B_TRY(const auto requeue,
            environment_.driver.drive({.owner = owner_of(restore),
                                       .status = restore.status.run,
                                       .before = run::verdict_of(restore.status.conditions),
                                       .path = path_of(restore.meta),
                                       .locks = first_locks(restore),
                                       .status_before = status_json(restore.status),
                                       .prepare = [&](const auto&) { return prepare(restore); },
                                       .finish = finish,
                                       .ended = [&](const auto& verdict) { tell_end(restore, verdict); },
                                       .read = [](const auto& json) -> Result<run::RunStatus> {
                                           N4B_TRY(const auto live, parse_restore(json));
                                           return live.status.run;
                                       }}));
    return kinds::expire(environment_.client, environment_.clock,
                         {.meta = restore.meta,
                          .path = path_of(restore.meta),
                          .completed = restore.status.run.completed,
                          .ttl = restore.spec.ttl},
                         requeue);
}

void RestoreController::tell_end(const Restore& restore, const run::Verdict& verdict) {
    environment_.metrics.run_finished(kKind, kinds::result_of(verdict), verdict.reason);
    telemetry::info("a restore ended", {{"restore", restore.meta.key()},
                                        {"reason", std::string(to_string(verdict.reason))},
                                        {"detail", verdict.message}});
}

Result<run::Preparation> RestoreController::prepare(const Restore& restore) {
    const auto& ns = restore.meta.object_namespace;
    const auto backup = stores_.backups.get(ns + "/" + restore.spec.backup);
    const auto source = backup ? stores_.sources.get(ns + "/" + backup->spec.source) : nullptr;
    const Named named{.backup = backup.get(), .source = source.get()};
    References refs;
    if (auto pinned = pinned_origin(restore)) {
        refs.origin = *std::move(pinned);
    } else {
        if (auto closed = closed_backup(restore, named)) return run::Preparation{.hindrance = std::move(closed)};
        refs.origin = origin_of(restore, named);
    }
    std::vector<std::shared_ptr<const source::Source>> sources;
    for (auto& each : stores_.sources.all()) {
        if (each->meta.object_namespace == ns) sources.push_back(std::move(each));
    }
    refs.server = server_source(named, refs.origin.source, sources);
    const auto storage = stores_.storages.get(ns + "/" + refs.origin.storage);
    refs.storage = storage.get();
    auto& client = environment_.client;
    if (storage && !storage->spec.s3) {
        N4B_TRY(refs.storage_claim, kinds::claim_of(client, ns, storage->spec.claim));
    }
    for (const auto& other : stores_.storages.all()) {
        const bool there = other->meta.object_namespace == ns && other->spec.claim == restore.spec.claim;
        if (there) refs.storage_on_target = other->meta.name;
    }
    N4B_TRY(refs.target, kinds::claim_of(client, ns, restore.spec.claim));
    N4B_TRY(refs.user_of_target,
            kinds::user_of(client, {.object_namespace = ns, .claim = restore.spec.claim, .but = restore.meta.uid}));
    if (auto closed = closed_gate(restore, refs)) return run::Preparation{.hindrance = std::move(closed)};
    return restore::prepare(restore, refs, environment_.config);
}

}  // namespace n4b::restore
