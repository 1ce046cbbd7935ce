#include "backup-runner/engine/clean_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/artifact_removal.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/head_list.hpp"
#include "backup-runner/engine/leftovers.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::Creation;
using object_store::ObjectStore;

/// A head that was sent right before its deadline may lie in a proxy or a hung server for a while.
constexpr std::chrono::hours kMargin{1};
/// A copy of a whole repository brings chains before heads, and intents whose deadlines have long passed.
constexpr std::chrono::hours kQuiet{24};
/// How long it may take to take an abandoned.json back after everything else has failed.
constexpr std::chrono::seconds kTakeBackTime{10};
/// Somebody who has just written an abandoned.json looks for the head and may take it back. A clean-up never takes
/// longer than its caller gives it, which is less than this.
constexpr std::chrono::minutes kSettled{2};
/// Earlier attempts of this run lie there; they are looked at first, since a look at all chains there ever were may
/// take longer than there is time.
constexpr std::chrono::hours kRecent{40 * 24};
/// Leftovers that are cleaned away in one run, some 300 bytes each in memory.
constexpr std::size_t kMostLeftovers = 200;
/// A storage that fails for so many artifacts, by a policy, by locks on objects or since it is gone, is not asked for
/// more. A single object that can't be read or removed hides none of the other artifacts.
constexpr int kMostFailures = 3;

class CleanUp {
public:
    CleanUp(ObjectStore& store, const format::Layout& layout, const CleaningRun& run, const Call& call)
        : store_(store), layout_(layout), run_(run), call_(call) {}

    CleanedUp run() {
        if (const auto done = work(); !done) tell(done.error().message);
        return done_;
    }

private:
    Result<void> work() {
        N4B_TRY(now_, store_.now(call_));
        const auto recent = begin_of_recent();
        N4B_TRY_VOID(clean({.from = recent}));
        const bool all = run_.reach == CleaningRun::Reach::kAll;
        if (all && failures_ < kMostFailures) N4B_TRY_VOID(clean({.before = recent}));
        if (lost_ > 0) {
            tell(fmt::format("{} finished backups have no head in {}, the first of them in {}: were heads moved away?",
                             lost_, layout_.heads(), first_lost_));
        }
        return {};
    }

    /// What killed increments left lies in the chain that they went on from, whenever that began.
    [[nodiscard]] std::string begin_of_recent() const {
        const auto recent = archive::chain_name(now_ - kRecent, 0);
        const bool any = run_.heads != nullptr && !run_.heads->heads().empty();
        return any ? std::min(recent, run_.heads->heads().back().parsed.artifact.chain) : recent;
    }

    Result<void> clean(const ChainRange& range) {
        found_.clear();
        N4B_TRY_VOID(find(range));
        // What this run itself left goes first.
        std::stable_partition(found_.begin(), found_.end(), [&](const Leftover& one) { return is_our_own(one); });
        for (const auto& leftover : found_) {
            const auto removed = remove(leftover);
            if (removed) continue;
            if (call_.stop.stop_requested() || call_.deadline.passed()) return removed;
            tell(removed.error().message);
            // Of an intent that can't be understood nobody knows whose it is: that artifact stays, and no other need.
            // A full storage refuses this one's abandoned.json. Others, whose deadline has passed, can go without.
            const bool full = removed.error().reason == Reason::kStorageFull;
            if (full || lies_in_the_head(removed.error())) continue;
            if (++failures_ == kMostFailures) return {};
        }
        return {};
    }

    Result<void> find(const ChainRange& range) {
        return walk_leftovers(
            store_, layout_, range,
            [&](const Leftover& leftover) {
                if (leftover.had_head) {
                    // A chain that is closed has lost its heads to its removal, which somebody else goes on with. Of
                    // one where closed.json can't be looked for nobody knows whether heads are missing.
                    const auto closed = store_.stat(layout_.closed(leftover.name.chain), call_);
                    if (closed || closed.error().code != ErrorCode::kNotFound) return true;
                    if (lost_++ == 0) first_lost_ = layout_.artifact(leftover.name);
                } else if (may_go(leftover)) {
                    found_.push_back(leftover);
                }
                return found_.size() < kMostLeftovers;
            },
            call_, run_.heads);
    }

    [[nodiscard]] bool is_our_own(const Leftover& leftover) const {
        return leftover.name.run.uid == run_.run.uid && leftover.name.run.attempt < run_.run.attempt;
    }

    [[nodiscard]] bool is_expired(const Leftover& leftover) const {
        return leftover.deadline && *leftover.deadline + kMargin < now_ &&
               leftover.newest.value_or(now_) + kQuiet < now_;
    }

    /// Intents are removed after the deadline only.
    [[nodiscard]] bool may_go_wholly(const Leftover& leftover) const {
        return is_expired(leftover) || (leftover.abandoned && !leftover.deadline);
    }

    [[nodiscard]] bool may_go(const Leftover& leftover) const {
        if (may_go_wholly(leftover)) return true;
        const bool dead = leftover.abandoned || (leftover.deadline && is_our_own(leftover));
        // With its blocks gone, what is left waits for the deadline.
        return dead && !(leftover.abandoned && leftover.blocks == 0);
    }

    /// Nothing, where somebody else is at work or a head has appeared.
    Result<void> remove(const Leftover& leftover) {
        N4B_TRY(const bool ours, abandon(leftover));
        if (!ours) return {};
        const auto removed = may_go_wholly(leftover) ? remove_artifact(store_, layout_, leftover.name, call_)
                                                     : remove_blocks(store_, layout_, leftover.name, call_);
        const bool was_empty = leftover.abandoned && leftover.blocks == 0;
        if (!was_empty && removed.bytes > 0) ++done_.artifacts;
        done_.bytes = base::saturating_sum(done_.bytes, removed.bytes);
        done_.hidden = done_.hidden || removed.hidden;
        if (removed.error) return base::fail(*removed.error);
        return {};
    }

    /// Whether the artifact is one that we may remove, and everybody else can see that it is.
    Result<bool> abandon(const Leftover& leftover) {
        const auto key = layout_.abandoned(leftover.name);
        if (leftover.deadline) {
            const auto intent = read_intent(leftover);
            // Somebody else cleans up as well, and is further.
            if (!intent && intent.error().code == ErrorCode::kNotFound) return false;
            if (!intent) return base::fail(intent.error());
            if (intent->repository != run_.repository) return false;
        }
        auto creation = Creation::kTaken;
        bool goes_unmarked = false;
        if (!leftover.abandoned) {
            const auto created = create_object(store_, key, format::print_abandoned(), call_);
            // A full storage takes no abandoned.json, and would stay full. After its deadline nobody finishes the
            // backup any more, so nobody has to be told that it is being removed.
            goes_unmarked = !created && created.error().reason == Reason::kStorageFull && is_expired(leftover);
            if (!created && !goes_unmarked) return base::fail(created.error());
            creation = created.value_or(Creation::kTaken);
        }
        if (creation == Creation::kTaken && !goes_unmarked) {
            const auto info = store_.stat(key, call_);
            if (!info && info.error().code == ErrorCode::kNotFound) return false;
            if (!info) return base::fail(info.error());
            if (info->modified.value_or(base::SystemTime{}) + kSettled > now_) return false;
        }
        const auto finished = has_head(store_, layout_, leftover.name, call_);
        // Where nobody knows, too, since a head that is there would never count again.
        if (creation == Creation::kCreated && finished.value_or(true)) {
            const auto taken_back = store_.remove(key, {.deadline = base::Deadline::after(kTakeBackTime)});
            if (finished && !taken_back) return base::fail(taken_back.error());
        }
        if (!finished) return base::fail(finished.error());
        return !*finished;
    }

    Result<format::Intent> read_intent(const Leftover& leftover) {
        const auto key = layout_.intent(leftover.name, *leftover.deadline);
        N4B_TRY(const auto text, read_small(store_, key, format::kMaxSmallFileBytes, call_));
        auto intent = format::parse_intent(text, *leftover.deadline);
        if (!intent) return base::fail(intent.error().wrap(key));
        if (intent->run == leftover.name.run) return intent;
        return base::fail(
            ErrorCode::kDataLoss, Reason::kArtifactDamaged,
            fmt::format("{}: found run {}, expected that of its directory", key, format::to_string(intent->run)));
    }

    void tell(std::string trouble) {
        if (done_.trouble.empty()) done_.trouble = std::move(trouble);
    }

    ObjectStore& store_;
    const format::Layout& layout_;
    const CleaningRun& run_;
    const Call& call_;
    base::SystemTime now_{};
    std::vector<Leftover> found_{};
    int failures_ = 0;
    std::int64_t lost_ = 0;  ///< Artifacts that had a head.
    std::string first_lost_{};
    CleanedUp done_{};
};

}  // namespace

CleanedUp clean_up(ObjectStore& store, const format::Layout& layout, const CleaningRun& run, const Call& call) {
    return CleanUp(store, layout, run, call).run();
}

}  // namespace n4b::engine
