#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/repository.hpp"
#include "common/base/notice.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using base::Result;

Result<engine::Release> release(const ReleaseOptions& options) {
    const object_store::Call call{.deadline = options.deadline};
    N4B_TRY(const auto store, open_repository(options.store, call));
    return engine::release_source(*store, options.source, call);
}

void print_text(Output& output, const std::string& source, const engine::Release& released) {
    if (!released.claimed) return output.print("nobody has claimed the name {}\n", source);
    output.print("the name {} is free for the next backup under it; it belonged to {}\n", source,
                 released.owner ? format::describe(*released.owner) : "somebody whom a damaged owner.json named");
}

Json json_of(const std::string& source, const engine::Release& released) {
    Json json{{"reason", to_string(base::Reason::kCompleted)}, {"source", source}, {"claimed", released.claimed}};
    if (released.owner) json["belongedTo"] = format::describe(*released.owner);
    return json;
}

}  // namespace

int run(const ReleaseOptions& options) {
    Output output;
    const auto released = in_time(release(options), options.deadline);
    if (!released) return finish(base::fail(released.error()), output, options.json);
    if (options.json) {
        print_json(output, json_of(options.source, *released));
    } else if (base::tells_usual()) {
        print_text(output, options.source, *released);
    }
    return finish(0, output);
}

}  // namespace n4b::runner
