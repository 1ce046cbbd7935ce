#include "backup-runner/engine/chain_removal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <vector>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/leftovers.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"
#include "common/base/rfc3339.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using base::SystemTime;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// A head that was sent right before its deadline may lie in a proxy or a hung server for a while. Who wrote a time
/// into a hold may have had a clock of its own.
constexpr std::chrono::hours kMargin{1};
constexpr std::chrono::hours kRemembered{30 * 24};
/// How long it may take to open the chain again after everything else has failed.
constexpr std::chrono::seconds kTakeBackTime{10};

/// The names of what lies below a prefix, up to the first '/', each once.
Result<std::vector<std::string>> names_below(ObjectStore& store, const std::string& prefix, const Call& call) {
    std::vector<std::string> names;
    N4B_TRY_VOID(store.list(
        prefix, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                auto name = object.key.substr(prefix.size());
                name = name.substr(0, name.find('/'));
                if (names.empty() || names.back() != name) names.push_back(std::move(name));
            }
            return true;
        },
        call));
    return names;
}

class ChainRemover {
public:
    ChainRemover(ObjectStore& store, const format::Layout& layout, const std::string& chain, const format::RunId& run,
                 const Call& call)
        : store_(store), layout_(layout), chain_(chain), run_(run), call_(call) {}

    Result<ChainRemoval> run() {
        N4B_TRY_VOID(read_names());
        N4B_TRY(const bool open, close());
        if (!open) return done_;
        N4B_TRY(const bool quiet, nobody_writes());
        if (!quiet) return done_;
        N4B_TRY(const bool headless, remove_heads());
        if (!headless) return done_;
        N4B_TRY(const bool empty, remove_data());
        if (!empty) return done_;
        N4B_TRY(const bool forgotten, remove_facts());
        if (!forgotten) return done_;
        done_.state = RemovalState::kRemoved;
        return done_;
    }

private:
    base::Error unknown(const std::string& key) const {
        return {.code = ErrorCode::kFailedPrecondition,
                .message =
                    fmt::format("{}: this runner doesn't know what that is, so chain {} is not removed", key, chain_),
                .reason = Reason::kArtifactNotSupported};
    }

    Result<void> read_names() {
        const auto begin = layout_.heads() + chain_ + "-";
        N4B_TRY(const auto heads, names_below(store_, begin, call_));
        for (const auto& rest : heads) {
            const auto name = chain_ + "-" + rest;
            const auto head = format::parse_head_name(name);
            if (!head) return base::fail(unknown(layout_.heads() + name));
            heads_.push_back(*head);
        }
        N4B_TRY(const auto entries, names_below(store_, layout_.chain(chain_), call_));
        for (const auto& entry : entries) {
            if (entry == "closed.json") {
                closed_ = true;
            } else if (entry != "holds") {
                const auto artifact = format::parse_directory_name(chain_, entry);
                if (!artifact) return base::fail(unknown(layout_.chain(chain_) + entry));
                artifacts_.push_back(*artifact);
            }
        }
        return {};
    }

    Result<std::string> hold() { return find_hold(store_, layout_, chain_, call_); }

    void held_by(const std::string& hold) {
        done_.state = RemovalState::kHeld;
        done_.detail = hold;
    }

    /// Whether the chain is closed now, and may be removed.
    Result<bool> close() {
        N4B_TRY(auto found, hold());
        if (!found.empty() && !closed_) {
            held_by(found);
            return false;
        }
        if (!closed_) {
            N4B_TRY_VOID(remember());
            N4B_TRY_VOID(create_object(store_, layout_.closed(chain_), format::print_closed(), call_));
            auto again = hold();
            // Nobody knows whether the chain is wanted: it is opened again, for readers and writers.
            if (!again) {
                (void)open_again({.deadline = base::Deadline::after(kTakeBackTime)});
                return base::fail(again.error());
            }
            found = *again;
        }
        if (found.empty()) return true;
        held_by(found);
        // Somebody who placed a hold while an earlier removal that died had just closed the chain has seen it open.
        if (!begun()) N4B_TRY_VOID(open_again(call_));
        return false;
    }

    /// Whether a head is gone already.
    [[nodiscard]] bool begun() const {
        return std::ranges::any_of(artifacts_, [&](const auto& artifact) {
            const bool has_head =
                std::ranges::any_of(heads_, [&](const auto& head) { return head.artifact == artifact; });
            return !has_head && store_.stat(layout_.mark(artifact), call_).has_value();
        });
    }

    Result<void> open_again(const Call& call) {
        N4B_TRY_VOID(store_.remove(layout_.closed(chain_), call));
        return forget(call);
    }

    /// Puts the fact down that the chain is being removed: whoever looks for removals that died need not list all
    /// chains.
    Result<void> remember() {
        N4B_TRY(const auto now, store_.now(call_));
        const format::FactName fact{.chain = chain_,
                                    .fact = std::string(kClosedFact),
                                    .time = std::chrono::floor<std::chrono::seconds>(now),
                                    .run = run_};
        N4B_TRY_VOID(create_object(store_, layout_.fact(fact), format::print_closed(), call_));
        return {};
    }

    Result<void> forget(const Call& call) {
        std::vector<std::string> keys;
        N4B_TRY_VOID(list_facts(
            store_, layout_, chain_ + "-",
            [&](const format::FactName& fact) {
                if (fact.fact == kClosedFact) keys.push_back(layout_.fact(fact));
            },
            call));
        for (const auto& key : keys) N4B_TRY_VOID(store_.remove(key, call));
        return {};
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
        heads_.clear();
        artifacts_.clear();
        N4B_TRY_VOID(read_names());
        std::ranges::sort(
            heads_, [](const auto& one, const auto& other) { return one.artifact.sequence > other.artifact.sequence; });
        for (const auto& head : heads_) {
            N4B_TRY(const auto found, hold());
            if (!found.empty()) {
                held_by(found);
                return false;
            }
            N4B_TRY(const bool gone, remove(layout_.head(head), 0));
            if (!gone) return false;
        }
        return true;
    }

    Result<bool> remove_data() {
        for (const auto& artifact : artifacts_) {
            const auto removed = remove_artifact(store_, layout_, artifact, call_);
            done_.objects += removed.objects;
            done_.bytes = base::saturating_sum(done_.bytes, removed.bytes);
            done_.hidden = done_.hidden || removed.hidden;
            if (!removed.error) continue;
            // That is what remove_artifact makes of an object that is locked.
            if (removed.error->code != ErrorCode::kPermissionDenied) return base::fail(*removed.error);
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

    Result<bool> remove_facts() {
        std::vector<std::string> keys;
        N4B_TRY_VOID(list_facts(
            store_, layout_, chain_ + "-",
            [&](const format::FactName& fact) {
                if (fact.fact != kClosedFact) keys.push_back(layout_.fact(fact));
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
    std::vector<format::HeadName> heads_{};
    std::vector<format::ArtifactName> artifacts_{};
    bool closed_ = false;
    ChainRemoval done_{};
};

}  // namespace

Result<std::string> find_hold(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                              const Call& call) {
    N4B_TRY(const auto now, store.now(call));
    const auto prefix = layout.holds(chain);
    N4B_TRY(const auto names, names_below(store, prefix, call));
    for (const auto& name : names) {
        if (const auto reader = format::parse_reader_hold_name(name)) {
            if (reader->expires + kMargin > now) return prefix + name;
            continue;
        }
        const auto text = read_small(store, prefix + name, format::kMaxSmallFileBytes, call);
        if (!text && text.error().code == ErrorCode::kNotFound) continue;
        if (!text && !lies_in_the_head(text.error())) return base::fail(text.error());
        // What can't be understood may mean "never".
        const auto hold = text.and_then([](const std::string& good) { return format::parse_hold(good); });
        if (!hold || !hold->expires || *hold->expires + kMargin > now) return prefix + name;
    }
    return std::string();
}

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
    N4B_TRY(const auto heads, names_below(store, layout.heads() + chain + "-", call));
    if (!heads.empty()) return false;
    std::vector<format::FactName> facts;
    N4B_TRY_VOID(list_facts(
        store, layout, chain + "-",
        [&](const format::FactName& fact) {
            if (fact.fact == kClosedFact) facts.push_back(fact);
        },
        call));
    for (const auto& fact : facts)
        if (fact.time + kRemembered > now) return false;
    N4B_TRY_VOID(store.remove(layout.closed(chain), call));
    N4B_TRY_VOID(store.remove_empty(layout.chain(chain), layout.chains(), call));
    // The facts are last: without them nobody would come back for what a failure leaves.
    for (const auto& fact : facts) N4B_TRY_VOID(store.remove(layout.fact(fact), call));
    return true;
}

}  // namespace n4b::engine
