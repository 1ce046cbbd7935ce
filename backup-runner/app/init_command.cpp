#include <fmt/format.h>

#include <random>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/engine/repository.hpp"

namespace n4b::runner {
namespace {

using base::Result;

Result<int> init(const InitOptions& options, Output& output) {
    if (!options.store.s3) {
        N4B_TRY([[maybe_unused]] const auto made, storage::create_volume(options.store.directory));
    }
    N4B_TRY(const auto store, open_store(options.store, kFewTries));
    std::random_device device;
    const auto use = options.adopt ? format::RepositoryUse::kAdopt : format::RepositoryUse::kInitialize;
    N4B_TRY(
        const auto repository,
        engine::open_repository(*store, {.use = use, .new_id = fmt::format("{:08x}{:08x}", device(), device())}, {}));
    output.print("{} is repository {}\n", describe(options.store), repository.id);
    return 0;
}

}  // namespace

int run(const InitOptions& options) {
    Output output;
    return finish(init(options, output), output);
}

}  // namespace n4b::runner
