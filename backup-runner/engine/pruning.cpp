#include "backup-runner/engine/pruning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/chain_hold.hpp"
#include "backup-runner/engine/chain_records.hpp"
#include "backup-runner/engine/closed_chains.hpp"
#include "backup-runner/engine/facts.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using base::Result;
using contract::ChainRecord;
using contract::VerifyLevel;
using object_store::Call;
using object_store::ObjectStore;

std::chrono::sys_seconds whole(base::SystemTime time) {
    return std::chrono::floor<std::chrono::seconds>(time);
}

/// The chains of which somebody has read all, up to their last transaction, and found it sound.
Result<std::set<std::string>> verified_chains(ObjectStore& store, const format::Layout& layout,
                                              const std::vector<ChainRecord>& records, const Call& call) {
    std::set<std::string> verified;
    N4B_TRY_VOID(list_facts(
        store, layout, "",
        [&](const format::FactName& fact) {
            const auto record = std::ranges::find(records, fact.chain, &ChainRecord::chain);
            if (record == records.end() || record->highest_transaction != fact.transaction) return;
            const auto level = contract::parse_verify_level(fact.fact);
            // One artifact is the whole chain where there is no other.
            const bool whole_chain =
                level == VerifyLevel::kChain || (level == VerifyLevel::kChecksum && record->artifacts == 1);
            if (whole_chain) verified.insert(fact.chain);
        },
        call));
    return verified;
}

/// When a chain began, as its name tells: "20261122T215049Z-3f9c21".
base::SystemTime start_of(const std::string& chain) {
    if (!archive::is_chain_name(chain)) return {};
    const auto text = fmt::format("{}-{}-{}T{}:{}:{}Z", chain.substr(0, 4), chain.substr(4, 2), chain.substr(6, 2),
                                  chain.substr(9, 2), chain.substr(11, 2), chain.substr(13, 2));
    return base::parse_rfc3339(text).value_or(base::SystemTime{});
}

bool is_made_by(const format::Origin& origin, const std::optional<ScheduleName>& schedule) {
    if (!schedule) return true;
    return origin.cluster == schedule->cluster && origin.name_space == schedule->name_space &&
           origin.schedule == schedule->name;
}

/// What a later version wrote, or what the storage did not let this process read, may be sound.
bool can_be_judged(const ChainRecord& record) {
    return record.reason == Reason::kCompleted || record.reason == Reason::kArtifactDamaged;
}

retention::Chain chain_of(const ChainRecord& record, const std::optional<FinishedTimes>& finished, bool verified,
                          bool made_by_wisher) {
    // Of a chain that can't be read no more is known than when it began.
    const auto began = start_of(record.chain);
    const auto full = finished ? finished->full : began;
    auto last = std::max(finished ? finished->last : full, full);
    // An increment that finds nothing new leaves no artifact, only a fact.
    if (record.current_at) last = std::max(last, *record.current_at);
    return {.name = record.chain,
            .began = whole(began),
            .restorable_from = whole(full),
            .recoverable_to = whole(last),
            .last_commit = whole(record.recoverable_to.value_or(base::SystemTime{})),
            .restorable = record.reason == Reason::kCompleted,
            .verified = verified,
            .ours = made_by_wisher && can_be_judged(record),
            .stored_bytes = record.stored_bytes};
}

/// The chains that a plan is made of.
struct Candidates {
    std::vector<retention::Chain> chains{};
    std::set<std::string> closed{};  ///< Those of them that are closed and whole.
};

Result<Candidates> find_candidates(ObjectStore& store, const format::Layout& layout, const PruneWish& wish,
                                   const Call& call) {
    N4B_TRY(const auto closed, closed_whole_chains(store, layout, call));
    N4B_TRY(const auto records, record_chains_as_open(store, wish.source, wish.database, closed, call));
    N4B_TRY(const auto verified, verified_chains(store, layout, records.chains, call));
    Candidates found{.closed = {closed.begin(), closed.end()}};
    for (std::size_t i = 0; i < records.chains.size(); ++i) {
        const auto& record = records.chains[i];
        found.chains.push_back(chain_of(record, records.finished[i], verified.contains(record.chain),
                                        is_made_by(records.origins[i], wish.made_by)));
    }
    return found;
}

/// The rules decide about all chains, and about the open ones once more as if no others were there: nobody can restore
/// from a closed one, so it must not push out one that can be restored.
retention::Plan plan_for(const Candidates& candidates, const PruneWish& wish, std::chrono::sys_seconds now) {
    auto plan = retention::plan_retention(wish.rules, candidates.chains, wish.zone, now);
    if (candidates.closed.empty()) return plan;
    auto open = candidates.chains;
    std::erase_if(open, [&](const auto& chain) { return candidates.closed.contains(chain.name); });
    const auto without_closed = retention::plan_retention(wish.rules, open, wish.zone, now);
    for (auto& verdict : plan.verdicts) {
        const auto alone = std::ranges::find(without_closed.verdicts, verdict.chain, &retention::Verdict::chain);
        if (verdict.stays() || alone == without_closed.verdicts.end() || !alone->stays()) continue;
        verdict.why = alone->why;
        plan.freed_bytes -= verdict.stored_bytes;
    }
    return plan;
}

/// Goes through the chains that are closed or were to go, of one source and database.
class Pruner {
public:
    Pruner(ObjectStore& store, const format::Layout& layout, const PruneWish& wish, const retention::Plan& plan,
           const std::function<void(const PrunedChain&)>& tell, const Call& call)
        : store_(store), layout_(layout), wish_(wish), plan_(plan), tell_(tell), call_(call) {}

    Result<void> run() {
        N4B_TRY(const auto begun, removals_begun(store_, layout_, call_));
        for (const auto& chain : begun) N4B_TRY_VOID(go_on_with(chain));
        for (auto verdict = plan_.verdicts.rbegin(); verdict != plan_.verdicts.rend(); ++verdict) {
            if (verdict->stays()) continue;
            N4B_TRY(const bool still, goes_still(verdict->chain));
            if (still) N4B_TRY_VOID(remove(verdict->chain));
        }
        return {};
    }

private:
    /// What an earlier run has begun.
    Result<void> go_on_with(const std::string& chain) {
        const auto closing = closing_of(store_, layout_, chain, call_);
        if (!closing) return failed(chain, closing.error());
        if (*closing == Closing::kBegun) N4B_TRY_VOID(remove(chain));
        if (*closing == Closing::kWhole && stays(chain)) N4B_TRY_VOID(keep(chain));
        const auto forgotten = forget_removal(store_, layout_, chain, call_);
        if (!forgotten) return failed(chain, forgotten.error());
        return {};
    }

    /// Whether a chain goes by a plan that is made now. What comes before a chain may take hours, and meanwhile
    /// somebody may have found damaged what the plan counted on. Facts tell of that, so that a new plan is made only
    /// where one has come.
    Result<bool> goes_still(const std::string& chain) {
        N4B_TRY(auto damage, damage_known());
        if (!newer_ || damage != damage_seen_) {
            damage_seen_ = std::move(damage);
            auto newer = plan_pruning(store_, wish_, call_);
            if (!newer && ends_all(newer.error())) return base::fail(newer.error());
            // Where a head can't be read any more, what was planned while it could stands.
            newer_ = newer ? *std::move(newer) : plan_;
        }
        const auto verdict = std::ranges::find(newer_->verdicts, chain, &retention::Verdict::chain);
        const bool goes = verdict != newer_->verdicts.end() && !verdict->stays();
        if (!goes) {
            tell_(
                {.chain = chain,
                 .removal = ChainRemoval{.state = RemovalState::kHeld,
                                         .detail = "it stays by a plan that was made since, or somebody removes it"}});
        }
        return goes;
    }

    Result<std::set<std::string>> damage_known() {
        std::set<std::string> chains;
        N4B_TRY_VOID(list_facts(
            store_, layout_, "",
            [&](const format::FactName& fact) {
                if (fact.fact == kDamagedFact) chains.insert(fact.chain);
            },
            call_));
        return chains;
    }

    /// Whether the plan wants it to stay. Whether somebody else's chain stays is not for this plan to say.
    [[nodiscard]] bool stays(const std::string& chain) const {
        const auto verdict = std::ranges::find(plan_.verdicts, chain, &retention::Verdict::chain);
        return verdict != plan_.verdicts.end() && verdict->stays() && verdict->why != retention::Why::kNotOurs;
    }

    Result<void> remove(const std::string& chain) {
        const PrunedChain pruned{.chain = chain, .removal = remove_chain(store_, layout_, chain, wish_.run, call_)};
        if (!pruned.removal) return failed(chain, pruned.removal.error());
        // Nothing was left to remove of one that was removed before, and is not forgotten yet.
        const bool done_before = pruned.removal->state == RemovalState::kRemoved && pruned.removal->objects == 0;
        if (!done_before) tell_(pruned);
        return {};
    }

    Result<void> keep(const std::string& chain) {
        const auto kept = keep_closed_chain(store_, layout_, chain, wish_.run, call_);
        if (!kept) return failed(chain, kept.error());
        ChainRemoval told{.state = RemovalState::kHeld, .wait_until = kept->not_before};
        switch (kept->state) {
            case Reopening::State::kOpen:
                told.detail = "it was closed, stays by the rules, and is open again";
                break;
            case Reopening::State::kEarly:
                told.detail = fmt::format(
                    "it stays by the rules, but is closed, and another run may be removing it; prune again after {}",
                    kept->not_before ? base::format_rfc3339(*kept->not_before) : "that");
                break;
            case Reopening::State::kBegun:
                told.detail = "it would stay by the rules, but another run has begun to remove it meanwhile";
                break;
            case Reopening::State::kLocked:
                told.state = RemovalState::kLocked;
                told.detail = layout_.closed(chain);
                break;
        }
        tell_({.chain = chain, .removal = std::move(told)});
        return {};
    }

    /// Tells of a chain that could not be dealt with. Errors: no other one can be, either.
    Result<void> failed(const std::string& chain, const base::Error& error) {
        tell_({.chain = chain, .removal = base::fail(error)});
        if (ends_all(error)) return base::fail(error);
        return {};
    }

    [[nodiscard]] bool ends_all(const base::Error& error) const {
        if (call_.stop.stop_requested() || call_.deadline.passed()) return true;
        if (error.reason == Reason::kStorageReadOnly || error.reason == Reason::kStorageAccessDenied) return true;
        if (error.reason != Reason::kStorageUnavailable) return false;
        // A disk that can't read one object says the same as a storage that is gone.
        const auto there = store_.stat(format::kRepositoryKey, call_);
        return !there && there.error().code != base::ErrorCode::kNotFound;
    }

    ObjectStore& store_;
    const format::Layout& layout_;
    const PruneWish& wish_;
    const retention::Plan& plan_;
    const std::function<void(const PrunedChain&)>& tell_;
    const Call& call_;
    std::optional<retention::Plan> newer_{};  ///< Made after all that was begun before went on.
    std::set<std::string> damage_seen_{};     ///< Chains that had been found damaged then.
};

}  // namespace

Result<retention::Plan> plan_pruning(ObjectStore& store, const PruneWish& wish, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(wish.source, wish.database));
    N4B_TRY(auto candidates, find_candidates(store, layout, wish, call));
    N4B_TRY(const auto now, store.now(call));
    // Holds are looked for where they change something. A chain that is held may stand for another one that a rule
    // wanted, so the rules are asked again.
    while (true) {
        auto plan = plan_for(candidates, wish, whole(now));
        bool changed = false;
        for (const auto& verdict : plan.verdicts) {
            if (verdict.stays()) continue;
            N4B_TRY(const auto hold, find_hold(store, layout, verdict.chain, call));
            if (!hold) continue;
            if (!hold->trouble.empty()) base::warn(fmt::format("chain {} stays: {}", verdict.chain, text_of(*hold)));
            std::ranges::find(candidates.chains, verdict.chain, &retention::Chain::name)->held = true;
            changed = true;
        }
        if (!changed) return plan;
    }
}

Result<CleanedUp> prune(ObjectStore& store, const PruneWish& wish, const retention::Plan& plan,
                        const std::function<void(const PrunedChain&)>& tell, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(wish.source, wish.database));
    // What unfinished backups left goes first: a storage that is full takes not even the word that a chain is closed.
    auto cleaned = clean_up(store, layout, {.run = wish.run, .repository = wish.repository}, call);
    N4B_TRY_VOID(Pruner(store, layout, wish, plan, tell, call).run());
    return cleaned;
}

}  // namespace n4b::engine
