#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/engine/repository.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"

namespace n4b::runner {
namespace {

using base::Result;

Result<format::RepositoryFile> init(const InitOptions& options) {
    if (!options.store.s3) {
        N4B_TRY([[maybe_unused]] const auto made, storage::create_volume(options.store.directory));
    }
    N4B_TRY(const auto store, open_store(options.store, kFewTries));
    const auto use = options.adopt ? format::RepositoryUse::kAdopt : format::RepositoryUse::kInitialize;
    return engine::open_repository(*store, {.use = use, .new_id = base::random_digits()},
                                   {.deadline = options.deadline});
}

}  // namespace

int run(const InitOptions& options) {
    Output output;
    const auto repository = in_time(init(options), options.deadline);
    const auto place = describe(options.store);
    if (!repository) return finish(base::fail(repository.error()), output, options.json, {{"storage", place}});
    if (options.json) {
        print_json(
            output,
            {{"reason", to_string(base::Reason::kCompleted)}, {"storage", place}, {"repository", repository->id}});
    } else if (base::tells_usual()) {
        output.print("{} is repository {}\n", place, repository->id);
    }
    return finish(0, output);
}

}  // namespace n4b::runner
