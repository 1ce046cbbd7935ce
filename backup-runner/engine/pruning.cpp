#include "backup-runner/engine/pruning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/chain_records.hpp"
#include "backup-runner/engine/facts.hpp"
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

retention::Chain chain_of(const ChainRecord& record, const std::optional<FinishedTimes>& finished, bool verified) {
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
            // What a later version wrote may be sound, and is not for this one to judge.
            .ours = record.reason != Reason::kArtifactNotSupported,
            .stored_bytes = record.stored_bytes};
}

bool ends_all(const base::Error& error, const Call& call) {
    return call.stop.stop_requested() || call.deadline.passed() || error.reason == Reason::kStorageUnavailable ||
           error.reason == Reason::kStorageReadOnly || error.reason == Reason::kStorageAccessDenied;
}

}  // namespace

Result<retention::Plan> plan_pruning(ObjectStore& store, const PruneWish& wish, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(wish.source, wish.database));
    N4B_TRY(const auto records, record_chains_of(store, wish.source, wish.database, call));
    N4B_TRY(const auto verified, verified_chains(store, layout, records.chains, call));
    std::vector<retention::Chain> chains;
    for (std::size_t i = 0; i < records.chains.size(); ++i) {
        const auto& record = records.chains[i];
        chains.push_back(chain_of(record, records.finished[i], verified.contains(record.chain)));
    }
    N4B_TRY(const auto now, store.now(call));
    // Holds are looked for where they change something. A chain that is held may stand for another one that a rule
    // wanted, so the rules are asked again.
    while (true) {
        auto plan = retention::plan_retention(wish.rules, chains, wish.zone, whole(now));
        bool changed = false;
        for (const auto& verdict : plan.verdicts) {
            if (verdict.stays()) continue;
            N4B_TRY(const auto hold, find_hold(store, layout, verdict.chain, call));
            if (hold.empty()) continue;
            std::ranges::find(chains, verdict.chain, &retention::Chain::name)->held = true;
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
    const auto remove = [&](const std::string& chain) -> Result<void> {
        const PrunedChain pruned{.chain = chain, .removal = remove_chain(store, layout, chain, wish.run, call)};
        // Nothing was left to remove of one that was removed before, and is not forgotten yet.
        const bool done_before =
            pruned.removal && pruned.removal->state == RemovalState::kRemoved && pruned.removal->objects == 0;
        if (!done_before) tell(pruned);
        if (!pruned.removal && ends_all(pruned.removal.error(), call)) return base::fail(pruned.removal.error());
        return {};
    };
    N4B_TRY(const auto begun, removals_begun(store, layout, call));
    for (const auto& chain : begun) {
        const auto closed = store.stat(layout.closed(chain), call);
        if (!closed && closed.error().code != base::ErrorCode::kNotFound) return base::fail(closed.error());
        // A removal that died before it closed the chain has done nothing: the rules decide anew.
        if (closed) N4B_TRY_VOID(remove(chain));
        N4B_TRY_VOID(forget_removal(store, layout, chain, call));
    }
    for (auto verdict = plan.verdicts.rbegin(); verdict != plan.verdicts.rend(); ++verdict)
        if (!verdict->stays()) N4B_TRY_VOID(remove(verdict->chain));
    return cleaned;
}

}  // namespace n4b::engine
