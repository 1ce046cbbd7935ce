#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"

namespace n4b::runner {
namespace {

using base::Result;

Result<int> restore(const RestoreOptions& options, Output& output) {
    N4B_TRY(const auto store, open_repository(options.store));
    N4B_TRY(const auto layout, format::Layout::create(options.source, options.database));
    N4B_TRY(const auto artifact, engine::choose_artifact(*store, layout, options.chain, {}));
    N4B_TRY_VOID(engine::restore(
        *store, artifact, {.directory = options.target, .log_directory = options.log_target, .owner = options.owner},
        {}));
    const bool elsewhere = !options.log_target.empty();
    output.print("restored {} up to transaction {} into {}\n", artifact.key, highest_of(artifact.head), options.target);
    output.print(
        "its transaction log is in {}; {}, or it opens the store without recovery and what it then holds is "
        "wrong\n",
        elsewhere ? options.log_target : options.target,
        elsewhere ? "the server must have this directory as dbms.directories.tx_log"
                  : "the server must not have another dbms.directories.tx_log (else restore with --tx-log-to)");
    return 0;
}

}  // namespace

int run(const RestoreOptions& options) {
    Output output;
    return finish(restore(options, output), output);
}

}  // namespace n4b::runner
