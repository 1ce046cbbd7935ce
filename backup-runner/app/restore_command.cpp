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

std::optional<base::SystemTime> recoverable_to(const engine::Artifact& artifact) {
    const auto& transactions = artifact.head.transactions;
    return transactions ? transactions->highest.point.time : std::nullopt;
}

Json json_of(const engine::Artifact& artifact, const engine::RestoreTarget& target) {
    const auto& head = artifact.head;
    Json json{{"reason", to_string(base::Reason::kCompleted)},
              {"source", head.source},
              {"database", head.database},
              {"chain", head.name.chain},
              {"head", artifact.key},
              {"highestTransaction", highest_of(head)},
              {"files", head.counts.files},
              {"bytes", head.counts.plain_bytes},
              {"storeDirectory", target.directory},
              {"logDirectory", log_directory(target)}};
    if (const auto time = recoverable_to(artifact)) json["recoverableTo"] = base::format_rfc3339(*time);
    return json;
}

void print_text(Output& output, const engine::Artifact& artifact, const engine::RestoreTarget& target) {
    const bool elsewhere = !target.log_directory.empty();
    output.print("restored {} up to transaction {} into {}\n", artifact.key, highest_of(artifact.head),
                 target.directory);
    output.print(
        "its transaction log is in {}; {}, or it opens the store without recovery and what it then holds is "
        "wrong\n",
        log_directory(target),
        elsewhere ? "the server must have this directory as dbms.directories.tx_log"
                  : "the server must not have another dbms.directories.tx_log (else restore with --tx-log-to)");
}

void print_plan(Output& output, const engine::Artifact& artifact, const engine::RestoreTarget& target,
                const engine::TargetView& view) {
    const auto& head = artifact.head;
    const auto time = recoverable_to(artifact);
    output.row("would restore", artifact.key);
    output.row("chain", head.name.chain);
    output.row("up to", fmt::format("transaction {}{}", highest_of(head),
                                    time ? " of " + base::format_rfc3339(*time) : ", whose time is unknown"));
    output.row("files", fmt::format("{} and the transaction log, {} bytes ({})", head.counts.files,
                                    head.counts.plain_bytes, size_text(head.counts.plain_bytes)));
    output.row("into", target.directory);
    output.row("log into", log_directory(target));
    output.row("free there",
               view.available ? fmt::format("{} bytes ({})", *view.available, size_text(*view.available)) : "not told");
    output.row("in the way", view.obstacle ? view.obstacle->message : "nothing");
}

/// Prints what a restore would do; what stands in its way is its outcome.
Result<int> plan(const RestoreOptions& options, const engine::Artifact& artifact, Output& output) {
    const auto view = engine::look_at_target(options.target, artifact.head.counts.plain_bytes);
    if (options.json) {
        auto json = json_of(artifact, options.target);
        json["dryRun"] = true;
        if (view.available) json["availableBytes"] = *view.available;
        if (view.obstacle) {
            print_failure(output, *view.obstacle, std::move(json));
        } else {
            print_json(output, json);
        }
    } else {
        print_plan(output, artifact, options.target, view);
    }
    if (view.obstacle) return base::fail(*view.obstacle);
    return 0;
}

Result<engine::Artifact> choose(object_store::ObjectStore& store, const RestoreOptions& options, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(options.source, options.database));
    return engine::choose_artifact(store, layout, options.chain, call);
}

Result<engine::Artifact> restore(object_store::ObjectStore& store, const RestoreOptions& options, const Call& call) {
    N4B_TRY(auto artifact, choose(store, options, call));
    engine::ProgressCounters progress;
    progress.phase = "Restoring";
    progress.total = artifact.head.counts.plain_bytes;
    const ProgressDisplay display(progress);
    N4B_TRY_VOID(engine::restore(store, artifact, options.target, call, &progress));
    return artifact;
}

Result<int> restore_and_tell(const RestoreOptions& options, Output& output) {
    const Call call{.deadline = options.deadline};
    N4B_TRY(const auto store, open_repository(options.store, call));
    if (options.dry_run) {
        N4B_TRY(const auto chosen, choose(*store, options, call));
        return plan(options, chosen, output);
    }
    N4B_TRY(const auto artifact, restore(*store, options, call));
    if (options.json) {
        print_json(output, json_of(artifact, options.target));
    } else if (base::tells_usual()) {
        print_text(output, artifact, options.target);
    }
    return 0;
}

}  // namespace

int run(const RestoreOptions& options) {
    Output output;
    return finish(in_time(restore_and_tell(options, output), options.deadline), output, options.json);
}

}  // namespace n4b::runner
