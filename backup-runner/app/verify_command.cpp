#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/progress_display.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/verify.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using base::Result;
using object_store::Call;

/// What all backups in scope come to, as far as their heads can be read.
Result<std::int64_t> add_up(object_store::ObjectStore& store, const engine::Scope& scope, const Call& call) {
    std::int64_t bytes = 0;
    N4B_TRY_VOID(engine::walk_heads(
        store, scope,
        [&](const engine::FoundHead& head) {
            if (head.artifact) bytes += head.artifact->head.counts.plain_bytes;
            return !call.deadline.passed();
        },
        call));
    return bytes;
}

class Verification {
public:
    Verification(const VerifyOptions& options, Output& output) : options_(options), output_(output) {}

    Result<int> run() {
        const Call call{.deadline = options_.deadline};
        N4B_TRY(const auto store, open_repository(options_.store, call));
        progress_.phase = "Listing";
        const ProgressDisplay display(progress_);
        // Only for those who watch: it reads every head, which are then read once more.
        if (base::tells_usual()) {
            N4B_TRY(progress_.total, add_up(*store, options_.scope, call));
        }
        progress_.phase = "Verifying";
        engine::Verifier verifier(*store, options_.level, &progress_);
        N4B_TRY_VOID(engine::walk_heads(
            *store, options_.scope,
            [&](const engine::FoundHead& head) {
                const auto result = head.artifact.and_then(
                    [&](const engine::Artifact& artifact) { return verifier.verify(artifact, call); });
                if (head.artifact) put_down(*store, *head.artifact, result, call);
                return take(head, result);
            },
            call));
        if (ended_) return base::fail(*ended_);
        if (tally_.count() == 0) {
            return base::fail(base::ErrorCode::kNotFound, base::Reason::kArtifactNotFound,
                              "there is no backup to verify");
        }
        return tally_.outcome();
    }

private:
    /// What was found of an artifact, as facts beside it.
    void put_down(object_store::ObjectStore& store, const engine::Artifact& artifact,
                  const Result<engine::Verified>& result, const Call& call) {
        const bool damaged = !result && result.error().reason == base::Reason::kArtifactDamaged;
        if (!result && !damaged) return;
        const auto kept = result ? engine::keep_proof(store, artifact, result->proof, run_, call)
                                 : engine::mark_damaged(store, artifact, run_, result.error().message, call);
        if (kept || warned_) return;
        // Of all others the same would be said.
        warned_ = true;
        base::show_status("");
        base::warn(fmt::format("what was found is told here and could not be put down in the storage: {}",
                               kept.error().message));
    }

    /// False: it is enough.
    bool take(const engine::FoundHead& head, const Result<engine::Verified>& result) {
        if (head.artifact) verified_ += head.artifact->head.counts.plain_bytes;
        progress_.bytes = verified_;
        // The chain was closed after the walk had come to it. Its files are being removed, and no command counts it any
        // more.
        if (!result && result.error().reason == base::Reason::kArtifactConflict) return true;
        // Says nothing about the backup.
        if (!result && result.error().code == base::ErrorCode::kDeadline && options_.deadline.passed()) {
            ended_ = result.error();
            return false;
        }
        // The line that tells how far it is, on the same terminal, is there again after the next look at the counters.
        base::show_status("");
        options_.json ? print_line(head, result) : print_row(head, result);
        result ? tally_.good() : tally_.bad(result.error());
        return output_.works();
    }

    void print_line(const engine::FoundHead& head, const Result<engine::Verified>& result) {
        Json json{{"source", head.source}, {"database", head.database}, {"chain", head.chain}, {"head", head.key}};
        if (!result) return print_failure(output_, result.error(), std::move(json));
        json["reason"] = to_string(base::Reason::kCompleted);
        json["bytes"] = head.artifact->head.counts.plain_bytes;
        json["level"] = to_string(result->proof.level);
        json["verifiedAt"] = base::format_rfc3339(result->proof.at);
        if (!result->note.empty()) json["note"] = result->note;
        print_json(output_, json);
    }

    void print_row(const engine::FoundHead& head, const Result<engine::Verified>& result) {
        if (result) {
            const auto less =
                result->note.empty() ? "" : fmt::format(": {} only: {}", to_string(result->proof.level), result->note);
            if (base::tells_usual()) output_.print("{:<13} {}{}\n", "ok", head.key, less);
            return;
        }
        // What is wrong with a head names it already.
        output_.print("{:<13} {}{}\n", state_of(result.error()), head.artifact ? head.key + ": " : "",
                      result.error().message);
    }

    const VerifyOptions& options_;
    Output& output_;
    engine::ProgressCounters progress_{};
    Tally tally_{};
    const format::RunId run_{.uid = base::random_digits()};  ///< In the names of facts.
    bool warned_ = false;
    std::int64_t verified_ = 0;  ///< Bytes of the backups that are done with.
    std::optional<base::Error> ended_{};
};

}  // namespace

int run(const VerifyOptions& options) {
    Output output;
    return finish(in_time(Verification(options, output).run(), options.deadline), output, options.json);
}

}  // namespace n4b::runner
