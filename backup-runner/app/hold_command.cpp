#include <fmt/format.h>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/chain_hold.hpp"
#include "backup-runner/engine/repository.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Result;

/// What was done, for a person.
Result<std::string> hold(const HoldOptions& options) {
    const object_store::Call call{.deadline = options.deadline};
    N4B_TRY(const auto store, open_store(options.store, kFewTries));
    N4B_TRY_VOID(engine::open_repository(*store, {.use = format::RepositoryUse::kWrite}, call));
    N4B_TRY(const auto layout, format::Layout::create(options.source, options.database));
    if (options.release) {
        N4B_TRY(const bool was_there, engine::take_hold_away(*store, layout, options.chain, options.name, call));
        return was_there ? fmt::format("hold {} of chain {} is taken away", options.name, options.chain)
                         : fmt::format("chain {} has no hold {}", options.chain, options.name);
    }
    N4B_TRY(const auto now, store->now(call));
    if (options.until && *options.until <= now) {
        return base::fail(base::ErrorCode::kInvalid, base::Reason::kInvalidRunSpec,
                          fmt::format("--until: {} has passed, it is {}; a hold ends in the future",
                                      base::format_rfc3339(*options.until), base::format_rfc3339(now)));
    }
    N4B_TRY_VOID(engine::place_hold(*store, layout, options.chain, options.name, options.until, call));
    return fmt::format("chain {} stays {}", options.chain,
                       options.until ? "until " + base::format_rfc3339(*options.until)
                                     : fmt::format("until hold {} is taken away", options.name));
}

}  // namespace

int run(const HoldOptions& options) {
    Output output;
    const auto done = in_time(hold(options), options.deadline);
    if (!done) return finish(base::fail(done.error()), output, options.json);
    if (options.json) {
        print_json(output, {{"reason", to_string(base::Reason::kCompleted)},
                            {"chain", options.chain},
                            {"hold", options.name},
                            {"message", *done}});
    } else if (base::tells_usual()) {
        output.print("{}\n", *done);
    }
    return finish(0, output);
}

}  // namespace n4b::runner
