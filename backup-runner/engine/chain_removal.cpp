#include "backup-runner/engine/chain_removal.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "backup-runner/engine/chain_hold.hpp"
#include "backup-runner/engine/chain_listing.hpp"
#include "backup-runner/engine/closed_chains.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/leftovers.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using base::SystemTime;
using object_store::Call;
using object_store::ObjectStore;

/// A head that was sent right before its deadline may lie in a proxy or a hung server for a while.
constexpr std::chrono::hours kMargin{1};
constexpr std::chrono::hours kRemembered{30 * 24};
/// How long it may take to open the chain again after everything else has failed.
constexpr std::chrono::seconds kTakeBackTime{10};

class ChainRemover {
public:
    ChainRemover(ObjectStore& store, const format::Layout& layout, const std::string& chain, const format::RunId& run,
                 const Call& call)
        : store_(store), layout_(layout), chain_(chain), run_(run), call_(call) {}

    Result<ChainRemoval> run() {
        N4B_TRY(listing_, list_chain(store_, layout_, chain_, call_));
        // Of what was removed before and is not forgotten yet, facts may be left that arrived late.
        const bool removed_before =
            listing_.closed && listing_.heads.empty() && listing_.artifacts.empty() && !listing_.holds;
        if (removed_before) return end_with(remove_facts());
        N4B_TRY(const bool open, close());
        if (!open) return done_;
        N4B_TRY(const bool quiet, nobody_writes());
        if (!quiet) return done_;
        N4B_TRY(const bool headless, remove_heads());
        if (!headless) return done_;
        N4B_TRY(const bool empty, remove_data());
        if (!empty) return done_;
        return end_with(remove_facts());
    }

private:
    /// `last`: whether the last step was done to its end.
    Result<ChainRemoval> end_with(const Result<bool>& last) {
        if (!last) return base::fail(last.error());
        if (*last) done_.state = RemovalState::kRemoved;
        return done_;
    }

    void held_by(const std::string& hold) {
        done_.state = RemovalState::kHeld;
        done_.detail = hold;
    }

    /// Whether the chain is closed now, and may be removed.
    Result<bool> close() {
        N4B_TRY(const auto before, find_hold(store_, layout_, chain_, call_));
        if (before && !listing_.closed) {
            held_by(text_of(*before));
            return false;
        }
        // The fact is there before anything is decided by closed.json: whoever would open the chain again sees that
        // somebody may be removing it.
        const auto remembered = with_room([this] { return remember(); });
        if (!remembered) {
            N4B_TRY(const bool dispensable, goes_on_without_fact(remembered.error()));
            if (!dispensable) return base::fail(remembered.error());
        }
        if (!listing_.closed) N4B_TRY_VOID(with_room([this] { return create_closed(); }));
        const auto hold = find_hold(store_, layout_, chain_, call_);
        if (hold && !*hold) return true;
        if (!hold) {
            // Nobody knows whether the chain is wanted: where this run has closed it, it is opened for readers and
            // writers. The call may have ended, so this has a time of its own.
            const Call take_back{.deadline = base::Deadline::after(kTakeBackTime)};
            if (!listing_.closed) (void)open_again(store_, layout_, chain_, run_, std::nullopt, take_back);
            return base::fail(hold.error());
        }
        held_by(text_of(**hold));
        N4B_TRY_VOID(open_again(store_, layout_, chain_, run_, (*hold)->since, call_));
        return false;
    }

    /// Whether this run's fact may be missing, which could not be put down. A chain that has lost a head is never
    /// opened again, so nobody looks for that fact; and on a full storage nothing else would make room.
    Result<bool> goes_on_without_fact(const base::Error& error) {
        if (error.reason != Reason::kStorageFull || !listing_.closed) return false;
        return has_lost_head(store_, layout_, listing_, call_);
    }

    /// Puts the fact down that this run removes the chain: whoever looks for removals that died need not list all
    /// chains. Facts of runs that can't be at work any more go, so that a chain which is locked for years, and tried
    /// each day, does not get one a day.
    Result<void> remember() {
        N4B_TRY(const auto now, store_.now(call_));
        const format::FactName own{.chain = chain_,
                                   .fact = std::string(kClosedFact),
                                   .time = std::chrono::floor<std::chrono::seconds>(now),
                                   .run = run_};
        N4B_TRY_VOID(create_object(store_, layout_.fact(own), format::print_closed(), call_));
        std::vector<std::string> superseded;
        N4B_TRY_VOID(list_facts(
            store_, layout_, chain_ + "-",
            [&](const format::FactName& fact) {
                const bool other = fact.fact == kClosedFact && fact != own;
                if (other && (fact.run == run_ || fact.time + kLongestRun < now))
                    superseded.push_back(layout_.fact(fact));
            },
            call_));
        for (const auto& key : superseded) N4B_TRY_VOID(store_.remove(key, call_));
        return {};
    }

    Result<void> create_closed() {
        N4B_TRY_VOID(create_object(store_, layout_.closed(chain_), format::print_closed(), call_));
        return {};
    }

    /// Where the storage is full, gives up what the facts of this chain say, and tries once more. That it was found
    /// damaged is not given up: a hold may open the chain again.
    Result<void> with_room(const std::function<Result<void>()>& write) {
        auto written = write();
        if (written || written.error().reason != Reason::kStorageFull) return written;
        N4B_TRY(const bool freed, remove_facts({kClosedFact, kDamagedFact}));
        return freed ? write() : written;
    }

    /// Whether the chain is closed still and nobody holds it.
    Result<bool> may_go_on() {
        N4B_TRY(const auto hold, find_hold(store_, layout_, chain_, call_));
        if (hold) {
            held_by(text_of(*hold));
            return false;
        }
        const auto closed = store_.stat(layout_.closed(chain_), call_);
        if (closed) return true;
        if (closed.error().code != ErrorCode::kNotFound) return base::fail(closed.error());
        held_by("another run has opened the chain again");
        return false;
    }

    Result<bool> nobody_writes() {
        N4B_TRY(const auto now, store_.now(call_));
        N4B_TRY_VOID(walk_leftovers(
            store_, layout_, {.from = chain_, .before = chain_ + "~"},
            [&](const Leftover& leftover) {
                if (leftover.had_head || !leftover.deadline) return true;
                const auto until = *leftover.deadline + kMargin;
                if (until >= now && until > done_.wait_until.value_or(SystemTime::min())) {
                    done_.wait_until = until;
                    done_.detail = layout_.artifact(leftover.name);
                }
                return true;
            },
            call_));
        if (!done_.wait_until) return true;
        done_.state = RemovalState::kWaiting;
        return false;
    }

    /// Counts an object that was removed; false: it is locked.
    Result<bool> remove(const std::string& key, std::int64_t bytes) {
        N4B_TRY(const auto removal, store_.remove(key, call_));
        if (removal == object_store::Removal::kHeld) {
            done_.state = RemovalState::kLocked;
            done_.detail = key;
            return false;
        }
        ++done_.objects;
        done_.bytes = base::saturating_sum(done_.bytes, bytes);
        done_.hidden = done_.hidden || removal == object_store::Removal::kHidden;
        return true;
    }

    Result<bool> remove_heads() {
        // A head that came between the listing and closed.json is there as well.
        N4B_TRY(listing_, list_chain(store_, layout_, chain_, call_));
        std::ranges::sort(listing_.heads, std::greater<>(), [](const auto& head) { return head.artifact.sequence; });
        for (const auto& head : listing_.heads) {
            N4B_TRY(const bool goes_on, may_go_on());
            if (!goes_on) return false;
            N4B_TRY(const bool gone, remove(layout_.head(head), 0));
            if (!gone) return false;
        }
        return true;
    }

    Result<bool> remove_data() {
        N4B_TRY(const bool goes_on, may_go_on());
        if (!goes_on) return false;
        for (const auto& artifact : listing_.artifacts) {
            const auto removed = remove_artifact(store_, layout_, artifact, call_);
            done_.objects += removed.objects;
            done_.bytes = base::saturating_sum(done_.bytes, removed.bytes);
            done_.hidden = done_.hidden || removed.hidden;
            if (!removed.error) continue;
            if (!removed.locked) return base::fail(*removed.error);
            done_.state = RemovalState::kLocked;
            done_.detail = removed.error->message;
            return false;
        }
        // Holds that have expired.
        N4B_TRY(const auto holds, names_below(store_, layout_.holds(chain_), call_));
        for (const auto& name : holds) {
            N4B_TRY(const bool gone, remove(layout_.holds(chain_) + name, 0));
            if (!gone) return false;
        }
        N4B_TRY_VOID(store_.remove_empty(layout_.holds(chain_), layout_.chain(chain_), call_));
        return true;
    }

    Result<bool> remove_facts(std::initializer_list<std::string_view> kept = {kClosedFact}) {
        std::vector<std::string> keys;
        N4B_TRY_VOID(list_facts(
            store_, layout_, chain_ + "-",
            [&](const format::FactName& fact) {
                if (std::ranges::count(kept, fact.fact) == 0) keys.push_back(layout_.fact(fact));
            },
            call_));
        for (const auto& key : keys) {
            N4B_TRY(const bool gone, remove(key, 0));
            if (!gone) return false;
        }
        return true;
    }

    ObjectStore& store_;
    const format::Layout& layout_;
    const std::string& chain_;
    const format::RunId& run_;
    const Call& call_;
    ChainListing listing_{};  ///< The last one.
    ChainRemoval done_{};
};

}  // namespace

Result<std::vector<std::string>> removals_begun(ObjectStore& store, const format::Layout& layout, const Call& call) {
    std::vector<std::string> chains;
    N4B_TRY_VOID(list_facts(
        store, layout, "",
        [&](const format::FactName& fact) {
            const bool listed = !chains.empty() && chains.back() == fact.chain;
            if (fact.fact == kClosedFact && !listed) chains.push_back(fact.chain);
        },
        call));
    return chains;
}

Result<ChainRemoval> remove_chain(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                  const format::RunId& run, const Call& call) {
    return ChainRemover(store, layout, chain, run, call).run();
}

Result<bool> forget_removal(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                            const Call& call) {
    N4B_TRY(const auto now, store.now(call));
    std::vector<std::string> facts;
    bool early = false;
    N4B_TRY_VOID(list_facts(
        store, layout, chain + "-",
        [&](const format::FactName& fact) {
            facts.push_back(layout.fact(fact));
            if (fact.fact != kClosedFact || fact.time + kRemembered > now) early = true;
        },
        call));
    if (early) return false;
    N4B_TRY(const auto heads, names_below(store, layout.heads() + chain + "-", call));
    N4B_TRY(const auto entries, names_below(store, layout.chain(chain), call));
    const bool only_closed = entries.empty() || (entries.size() == 1 && entries.front() == "closed.json");
    if (!heads.empty() || !only_closed) return false;
    // The facts are last: without them nobody would come back for what a failure or a lock leaves.
    N4B_TRY(const auto removal, store.remove(layout.closed(chain), call));
    if (removal == object_store::Removal::kHeld) return false;
    N4B_TRY_VOID(store.remove_empty(layout.chain(chain), layout.chains(), call));
    for (const auto& key : facts) N4B_TRY_VOID(store.remove(key, call));
    return true;
}

}  // namespace n4b::engine
