#include <fmt/format.h>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/progress_display.hpp"
#include "backup-runner/app/progress_text.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"
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

/// Up to a transaction. What lies behind it in the chain may be damaged, and is read only to tell the window.
Result<engine::RestorePoint> point_at(object_store::ObjectStore& store, const format::Layout& layout,
                                      const std::string& chain, std::int64_t transaction, const Call& call) {
    auto first = engine::choose_for_transaction(store, layout, chain, transaction, call);
    const bool beyond = !first && first.error().reason == base::Reason::kArtifactNotFound;
    if (!first && !beyond) return base::fail(first.error());
    if (!beyond) {
        N4B_TRY(auto needed, engine::read_chain(store, layout, std::move(*first), call));
        if (highest_of(needed.front().head) <= transaction) {
            return engine::up_to_transaction(store, std::move(needed), transaction, call);
        }
    }
    N4B_TRY(auto last, engine::choose_artifact(store, layout, chain, call));
    N4B_TRY(auto all, engine::read_chain(store, layout, std::move(last), call));
    return engine::up_to_transaction(store, std::move(all), transaction, call);
}

/// A point outside the window is told with the flag that asked for it.
Result<engine::RestorePoint> asked_by(const char* flag, Result<engine::RestorePoint> point) {
    if (!point && point.error().reason == base::Reason::kInvalidRunSpec) return base::fail(point.error().wrap(flag));
    return point;
}

Result<engine::RestorePoint> choose(object_store::ObjectStore& store, const RestoreOptions& options, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(options.source, options.database));
    auto chain = options.chain;
    if (!options.until_transaction || chain.empty()) {
        N4B_TRY(auto last, engine::choose_artifact(store, layout, chain, call));
        chain = last.head.name.chain;
        if (!options.until_transaction) {
            N4B_TRY(auto all, engine::read_chain(store, layout, std::move(last), call));
            if (!options.until) return engine::whole(std::move(all));
            return asked_by("--until", engine::up_to_time(store, std::move(all), *options.until, call));
        }
    }
    return asked_by("--until-transaction", point_at(store, layout, chain, *options.until_transaction, call));
}

Result<engine::RestorePoint> restore(object_store::ObjectStore& store, const RestoreOptions& options,
                                     const Call& call) {
    N4B_TRY(auto point, choose(store, options, call));
    engine::ProgressCounters progress;
    progress.phase = "Restoring";
    progress.total = plain_bytes_of(point.chain);
    const ProgressDisplay display(progress);
    N4B_TRY_VOID(engine::restore(store, point, options.target, call, &progress));
    return point;
}

Result<int> restore_and_tell(const RestoreOptions& options, Output& output) {
    const Call call{.deadline = options.deadline};
    N4B_TRY(const auto store, open_repository(options.store, call));
    if (options.dry_run) {
        N4B_TRY(const auto chosen, choose(*store, options, call));
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

}  // namespace

int run(const RestoreOptions& options) {
    Output output;
    return finish(in_time(restore_and_tell(options, output), options.deadline), output, options.json);
}

}  // namespace n4b::runner
