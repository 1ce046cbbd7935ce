#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/environment.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/progress_display.hpp"
#include "backup-runner/app/progress_server.hpp"
#include "backup-runner/app/progress_text.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/app/store_opening.hpp"
#include "backup-runner/engine/budget.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/engine/restore_of_run.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using base::Result;
using object_store::Call;

const std::string& log_directory(const engine::RestoreTarget& target) {
    return target.log_directory.empty() ? target.directory : target.log_directory;
}

/// Commit time of the last transaction; nothing where no head tells: within an artifact.
std::optional<base::SystemTime> recoverable_to(const engine::RestorePoint& point) {
    const auto& transactions = point.chain.back().head.transactions;
    return transactions && !point.log_bytes ? transactions->highest.point.time : std::nullopt;
}

Json json_of(const engine::RestorePoint& point, const engine::RestoreTarget& target) {
    const auto& last = point.chain.back();
    const auto& head = last.head;
    Json json{{"reason", to_string(base::Reason::kCompleted)},
              {"source", head.source},
              {"database", head.database},
              {"chain", head.name.chain},
              {"head", last.key},
              {"artifacts", point.chain.size()},
              {"highestTransaction", point.transaction},
              {"files", point.chain.front().head.counts.files},
              {"bytes", plain_bytes_of(point.chain)},
              {"storeDirectory", target.directory},
              {"logDirectory", log_directory(target)}};
    if (const auto time = recoverable_to(point)) json["recoverableTo"] = base::format_rfc3339(*time);
    return json;
}

/// What it goes on from, too.
std::string name_of(const engine::Chain& chain) {
    if (chain.size() == 1) return chain.back().key;
    return fmt::format("{} and the {} {} that it goes on from", chain.back().key, chain.size() - 1,
                       chain.size() == 2 ? "backup" : "backups");
}

void print_text(Output& output, const engine::RestorePoint& point, const engine::RestoreTarget& target) {
    const bool elsewhere = !target.log_directory.empty();
    output.print("restored {} up to transaction {} into {}\n", name_of(point.chain), point.transaction,
                 target.directory);
    output.print(
        "its transaction log is in {}; {}, or it opens the store without recovery and what it then holds is "
        "wrong\n",
        log_directory(target),
        elsewhere ? "the server must have this directory as dbms.directories.tx_log"
                  : "the server must not have another dbms.directories.tx_log (else restore with --tx-log-to)");
}

void print_plan(Output& output, const engine::RestorePoint& point, const engine::RestoreTarget& target,
                const engine::TargetView& view) {
    const auto time = recoverable_to(point);
    const auto bytes = plain_bytes_of(point.chain);
    output.row("would restore", name_of(point.chain));
    output.row("chain", point.chain.back().head.name.chain);
    output.row("up to", fmt::format("transaction {}{}", point.transaction,
                                    time ? " of " + base::format_rfc3339(*time) : ", whose time is unknown"));
    output.row("files", fmt::format("{} and the transaction log, {} bytes ({})", point.chain.front().head.counts.files,
                                    bytes, size_text(bytes)));
    output.row("into", target.directory);
    output.row("log into", log_directory(target));
    output.row("free there",
               view.available ? fmt::format("{} bytes ({})", *view.available, size_text(*view.available)) : "not told");
    output.row("in the way", view.obstacle ? view.obstacle->message : "nothing");
}

/// Prints what a restore would do; what stands in its way is its outcome.
Result<int> plan(const RestoreOptions& options, const engine::RestorePoint& point, Output& output) {
    const auto view = engine::look_at_target(options.target, plain_bytes_of(point.chain));
    if (options.json) {
        auto json = json_of(point, options.target);
        json["dryRun"] = true;
        if (view.available) json["availableBytes"] = *view.available;
        if (view.obstacle) {
            print_failure(output, *view.obstacle, std::move(json));
        } else {
            print_json(output, json);
        }
    } else {
        print_plan(output, point, options.target, view);
    }
    if (view.obstacle) return base::fail(*view.obstacle);
    return 0;
}

/// How many of their blocks a restore of so many artifacts may have in memory.
Result<std::size_t> blocks_of(const engine::Chain& chain, std::size_t artifacts, const StoreChoice& from) {
    std::int64_t largest = 1;
    for (std::size_t i = 0; i < artifacts; ++i) largest = std::max(largest, chain[i].head.block_bytes);
    return engine::fit_restore(memory_limit(), largest, from.s3.has_value());
}

/// A chain whose blocks, those of its indexes among them, fit into memory as far as a restore to that time (nothing: to
/// its end) reads them. Looked at before the first of them is read: being killed half-way would tell nobody why.
Result<engine::Chain> read_fitting(object_store::ObjectStore& store, const format::Layout& layout, engine::Artifact tip,
                                   std::optional<base::SystemTime> until, const StoreChoice& from, const Call& call) {
    N4B_TRY(auto chain, engine::read_chain(store, layout, std::move(tip), call));
    const auto artifacts = until ? engine::artifacts_up_to(chain, *until) : chain.size();
    N4B_TRY([[maybe_unused]] const auto blocks, blocks_of(chain, artifacts, from));
    return chain;
}

/// Up to a transaction. What lies behind it in the chain may be damaged, and is read only to tell the window.
Result<engine::RestorePoint> point_at(object_store::ObjectStore& store, const format::Layout& layout,
                                      const std::string& chain, std::int64_t transaction, const StoreChoice& from,
                                      const Call& call) {
    auto first = engine::choose_for_transaction(store, layout, chain, transaction, call);
    const bool beyond = !first && first.error().reason == base::Reason::kArtifactNotFound;
    if (!first && !beyond) return base::fail(first.error());
    if (!beyond) {
        N4B_TRY(auto needed, read_fitting(store, layout, std::move(*first), std::nullopt, from, call));
        if (highest_of(needed.front().head) <= transaction) {
            return engine::up_to_transaction(store, std::move(needed), transaction, call);
        }
    }
    // The transaction lies outside the window, which is told without reading any block.
    N4B_TRY(auto last, engine::choose_artifact(store, layout, chain, call));
    N4B_TRY(auto all, engine::read_chain(store, layout, std::move(last), call));
    return engine::up_to_transaction(store, std::move(all), transaction, call);
}

Result<engine::RestorePoint> find_point(object_store::ObjectStore& store, const RestoreWish& wish,
                                        const StoreChoice& from, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(wish.source, wish.database));
    auto chain = wish.chain;
    if (!wish.until_transaction || chain.empty()) {
        N4B_TRY(auto last, engine::choose_artifact(store, layout, chain, call));
        chain = last.head.name.chain;
        if (!wish.until_transaction) {
            N4B_TRY(auto all, read_fitting(store, layout, std::move(last), wish.until, from, call));
            return wish.until ? engine::up_to_time(store, std::move(all), *wish.until, call)
                              : engine::whole(std::move(all));
        }
    }
    return point_at(store, layout, chain, *wish.until_transaction, from, call);
}

/// A point outside the window is told with the flag that asked for it.
Result<engine::RestorePoint> choose(object_store::ObjectStore& store, const RestoreWish& wish, const StoreChoice& from,
                                    const Call& call) {
    auto point = find_point(store, wish, from, call);
    const bool outside = !point && point.error().reason == base::Reason::kPointOutsideWindow;
    return outside ? base::fail(point.error().wrap(wish.asked_by)) : std::move(point);
}

void begin(engine::ProgressCounters& progress, const engine::RestorePoint& point) {
    progress.phase = "Restoring";
    progress.total = plain_bytes_of(point.chain);
}

Result<engine::RestorePoint> restore(object_store::ObjectStore& store, const RestoreOptions& options,
                                     const Call& call) {
    N4B_TRY(auto point, choose(store, options.wish, options.store, call));
    if (!point.doubt.empty()) base::warn(point.doubt);
    auto target = options.target;
    N4B_TRY(target.blocks, blocks_of(point.chain, point.chain.size(), options.store));
    engine::ProgressCounters progress;
    begin(progress, point);
    const ProgressDisplay display(progress);
    N4B_TRY_VOID(engine::restore(store, point, target, call, &progress));
    return point;
}

Result<int> restore_and_tell(const RestoreOptions& options, Output& output) {
    const Call call{.deadline = options.deadline};
    N4B_TRY(const auto store, open_repository(options.store, call));
    if (options.dry_run) {
        N4B_TRY(const auto chosen, choose(*store, options.wish, options.store, call));
        if (!chosen.doubt.empty()) base::warn(chosen.doubt);
        return plan(options, chosen, output);
    }
    N4B_TRY(const auto point, restore(*store, options, call));
    if (options.json) {
        print_json(output, json_of(point, options.target));
    } else if (base::tells_usual()) {
        print_text(output, point, options.target);
    }
    return 0;
}

RestoreWish wish_of(const contract::RunSpec& spec) {
    const auto& restore = spec.restore;
    RestoreWish wish{.source = spec.source, .database = spec.database, .chain = restore.chain};
    if (restore.transaction) {
        wish.until_transaction = restore.transaction;
        wish.asked_by = "the backup's last transaction";
    }
    if (restore.before_transaction) {
        wish.until_transaction = *restore.before_transaction - 1;
        wish.asked_by = fmt::format("beforeTransaction {} leaves all before it", *restore.before_transaction);
    }
    if (restore.before_time) {
        // Commit times are whole milliseconds.
        wish.until = *restore.before_time - std::chrono::milliseconds(1);
        wish.asked_by =
            fmt::format("beforeTime {} leaves all before it", base::format_rfc3339_micro(*restore.before_time));
    }
    return wish;
}

contract::RestoredReport restored_report(const engine::RestorePoint& point) {
    const auto& last = point.chain.back();
    return {.chain = last.head.name.chain,
            .artifact = engine::report_of(last).artifact,
            .artifacts = static_cast<std::int64_t>(point.chain.size()),
            .transaction = point.transaction,
            .recoverable_to = recoverable_to(point),
            .files = point.chain.front().head.counts.files,
            .bytes = plain_bytes_of(point.chain)};
}

contract::RunReport success(const contract::RunSpec& spec, const engine::RestorePoint& point) {
    return {.reason = base::Reason::kCompleted,
            .message = fmt::format("{}{}{}", name_of(point.chain), point.doubt.empty() ? "" : "; ", point.doubt),
            .run_uid = spec.run.uid,
            .attempt = spec.run.attempt,
            .restored = restored_report(point)};
}

/// Of a run, which another attempt takes up: an earlier one may have finished, or have been cut off.
Result<contract::RunReport> restore(const contract::RunSpec& spec, const Call& call) {
    engine::ProgressCounters progress;
    const auto server = serve_progress(spec, progress);
    engine::RestoreTarget target{.directory = spec.restore.directory,
                                 .log_directory = spec.restore.log_directory,
                                 .of_run = spec.run.uid,
                                 .process = base::random_digits()};
    N4B_TRY(auto finished, engine::find_restored(target));
    if (finished) {
        finished->adopted = true;
        finished->attempt = spec.run.attempt;
        return std::move(*finished);
    }
    N4B_TRY(const auto store, open_store(store_of(spec), kPatientTries));
    N4B_TRY_VOID(
        engine::open_repository(*store, {.use = format::RepositoryUse::kRead, .expected_id = spec.repository}, call));
    N4B_TRY(const auto point, choose(*store, wish_of(spec), store_of(spec), call));
    N4B_TRY(target.blocks, blocks_of(point.chain, point.chain.size(), store_of(spec)));
    target.origin = engine::origin_of(point);
    N4B_TRY(target.kept, engine::take_over(target, plain_bytes_of(point.chain)));
    const auto report = success(spec, point);
    target.record = contract::to_json(report);
    begin(progress, point);
    const ProgressDisplay display(progress);
    const auto done = engine::restore(*store, point, target, call, &progress);
    if (done) return report;
    // Another attempt, or another run, can begin there. What can't be removed is told as in its way then.
    if (const auto removed = engine::remove_own(target); !removed) {
        base::warn(fmt::format("what was restored so far stays: {}", removed.error().message));
    }
    return base::fail(done.error());
}

}  // namespace

int run(const RestoreRunOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto& spec = options.spec;
    const auto deadline = engine::deadline_of(spec, started);
    const auto report = in_time(restore(spec, {.deadline = deadline, .stop = std::move(stop)}), deadline);
    return conclude(report ? *report : report_of(spec, report.error()));
}

int run(const RestoreOptions& options) {
    Output output;
    return finish(in_time(restore_and_tell(options, output), options.deadline), output, options.json);
}

}  // namespace n4b::runner
