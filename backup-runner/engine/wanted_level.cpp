#include "backup-runner/engine/wanted_level.hpp"

#include <fmt/format.h>

#include "common/base/notice.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using contract::VerifyLevel;

void begin_progress(ProgressCounters& progress, const Artifact& artifact) {
    progress.phase = "Verifying";
    progress.files = 0;
    progress.bytes = 0;
    progress.guessed = false;
    progress.total = artifact.head.counts.plain_bytes;
}

}  // namespace

Result<Verified> reach_level(object_store::ObjectStore& store, const Artifact& artifact, const LevelWish& wish,
                             const object_store::Call& call, ProgressCounters* progress) {
    // A head is created only where a listing has shown all that it promises.
    if (wish.level == VerifyLevel::kWritten) return Verified{.proof = {.at = artifact.head.end}};
    N4B_TRY(const auto known, known_state(store, artifact, call));
    if (known.proof && known.proof->level >= wish.level) return Verified{.proof = *known.proof};
    if (progress != nullptr) begin_progress(*progress, artifact);
    auto verified = verify_tip(store, artifact, wish.level, call, progress);
    if (verified) {
        if (const auto kept = keep_proof(store, artifact, verified->proof, wish.run, call); !kept) {
            base::warn(fmt::format("that {} is proved to be {} could not be put down: {}", artifact.key,
                                   to_string(verified->proof.level), kept.error().message));
        }
        return verified;
    }
    if (verified.error().reason == base::Reason::kArtifactDamaged) {
        // Where it can't be put down, whoever looks again finds the damage again.
        (void)mark_damaged(store, artifact, wish.run, verified.error().message, call);
    }
    return base::fail(verified.error().wrap("verify"));
}

}  // namespace n4b::engine
