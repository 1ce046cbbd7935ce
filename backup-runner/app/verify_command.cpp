#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/verify.hpp"

namespace n4b::runner {
namespace {

using base::Result;

Result<int> print_verified(const VerifyOptions& options, Output& output) {
    N4B_TRY(const auto store, open_repository(options.store));
    Tally tally;
    const engine::Scope scope{.source = options.source, .chain = options.chain};
    N4B_TRY_VOID(engine::walk_heads(*store, scope,
                                    [&](const engine::FoundHead& head) {
                                        const auto result = head.artifact
                                                                ? engine::verify(*store, *head.artifact, {})
                                                                : Result<void>(base::fail(head.artifact.error()));
                                        // The chain was closed after the walk had come to it. Its files are being
                                        // removed, and no command counts it any more.
                                        if (!result && result.error().reason == base::Reason::kArtifactConflict)
                                            return true;
                                        if (result) {
                                            output.print("{:<13} {}\n", "ok", head.key);
                                            tally.good();
                                        } else {
                                            // What is wrong with a head names it already.
                                            output.print("{:<13} {}{}\n", state_of(result.error()),
                                                         head.artifact ? head.key + ": " : "", result.error().message);
                                            tally.bad(result.error());
                                        }
                                        return output.works();
                                    },
                                    {}));
    if (tally.count() == 0) {
        return base::fail(base::ErrorCode::kNotFound, base::Reason::kArtifactNotFound, "there is no backup to verify");
    }
    return tally.outcome();
}

}  // namespace

int run(const VerifyOptions& options) {
    Output output;
    return finish(print_verified(options, output), output);
}

}  // namespace n4b::runner
