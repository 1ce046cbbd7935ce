#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/repository.hpp"

namespace n4b::runner {
namespace {

using base::Result;

Result<int> release(const ReleaseOptions& options, Output& output) {
    N4B_TRY(const auto store, open_repository(options.store));
    N4B_TRY(const auto released, engine::release_source(*store, options.source, {}));
    if (!released.claimed) {
        output.print("nobody has claimed the name {}\n", options.source);
        return 0;
    }
    output.print("the name {} is free for the next backup under it; it belonged to {}\n", options.source,
                 released.owner ? format::describe(*released.owner) : "somebody whom a damaged owner.json named");
    return 0;
}

}  // namespace

int run(const ReleaseOptions& options) {
    Output output;
    return finish(release(options, output), output);
}

}  // namespace n4b::runner
