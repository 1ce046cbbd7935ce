#include "operator/kinds/chain/chain_plan.hpp"

#include <algorithm>

#include "operator/run/run_status.hpp"

namespace n4b::chain {
namespace {

using Act = ChainDecision::Act;
using contract::ChainRecord;

bool same_chain(const ChainRecord& one, const ChainRecord& other) {
    return one.source == other.source && one.database == other.database && one.chain == other.chain;
}

struct Observed {
    ChainRecord record{};
    base::SystemTime observed{};
};

/// What is known of the chain apart from runs. Nothing: no object shows it, or a look found that it is gone.
std::optional<Observed> known_before(const ChainInputs& in) {
    const ChainRecord* found = nullptr;
    if (in.listed != nullptr) {
        const auto at = in.listed->chains.find(in.name);
        if (at != in.listed->chains.end()) found = &at->second;
    }
    std::optional<Observed> shown;
    if (in.known != nullptr && in.known->status.observed) {
        shown = Observed{.record = in.known->status.record, .observed = *in.known->status.observed};
    }
    // A run that ended after the look began may have written the object, and the look may have missed what the run
    // stored.
    const bool since = shown && (in.listed == nullptr || shown->observed > in.listed->begun);
    const bool sees_less = found == nullptr || (found->reason == base::Reason::kCompleted && shown &&
                                                found->artifacts <= shown->record.artifacts);
    if (since && sees_less) return shown;
    if (found != nullptr) return Observed{.record = *found, .observed = in.listed->begun};
    if (shown && !in.listed->all) return shown;
    return std::nullopt;
}

/// What a run stored, over what was known of the chain before.
ChainRecord extended(const std::optional<Observed>& before, const ChainRecord& stored) {
    ChainRecord record = stored;
    if (!before) return record;
    const auto& old = before->record;
    if (!record.restorable_from) record.restorable_from = old.restorable_from;
    if (record.store_id.empty()) record.store_id = old.store_id;
    if (record.stored_bytes == 0) record.stored_bytes = old.stored_bytes;
    if (old.current_at && old.highest_transaction == record.highest_transaction) {
        record.current_at = std::max(record.current_at.value_or(*old.current_at), *old.current_at);
    }
    // Damage that was found before stays true: a run looks only at the end of the chain.
    record.reason = old.reason;
    record.message = old.message;
    return record;
}

}  // namespace

ChainDecision decide(const ChainInputs& inputs) {
    ChainDecision decision;
    if (inputs.storage == nullptr || inputs.storage->meta.deleted) return decision;
    auto in = inputs;
    // Runs that ended before this are in the look, or their chains are gone.
    std::optional<base::SystemTime> looked;
    if (const auto& catalogue = in.storage->status.catalogue) looked = catalogue->time;
    // Another operator has looked since. Two that believed each in their own look would make and remove an object in
    // turns.
    if (in.listed != nullptr && looked && *looked > in.listed->begun) in.listed = nullptr;
    if (in.listed != nullptr) looked = in.listed->begun;

    auto before = known_before(in);
    const auto& stored = in.runs.stored;
    const bool news = stored && (!looked || stored->ended > *looked) &&
                      (!before || (same_chain(before->record, stored->record) &&
                                   stored->record.artifacts >= before->record.artifacts));
    if (news) {
        const auto since = before ? std::max(before->observed, stored->ended) : stored->ended;
        before = Observed{.record = extended(before, stored->record), .observed = since};
    }
    if (!before) {
        // Only a look that told of all chains says that one is gone.
        const bool gone = in.known != nullptr && in.listed != nullptr && in.listed->all;
        if (gone) decision.act = Act::kRemove;
        return decision;
    }
    // The object stands for another chain of that name, which was copied to another source or database.
    if (in.known != nullptr && !same_chain(in.known->status.record, before->record)) return decision;
    const auto& quiet = in.runs.nothing_new;
    auto& record = before->record;
    if (quiet && quiet->transaction == record.highest_transaction) {
        record.current_at = std::max(record.current_at.value_or(quiet->current_at), quiet->current_at);
    }
    return {.act = Act::kShow, .record = std::move(record), .observed = before->observed};
}

ChainStatus status_showing(const Chain& chain, const ChainRecord& record, base::SystemTime observed,
                           base::SystemTime now) {
    ChainStatus status = chain.status;
    const bool good = record.reason == base::Reason::kCompleted;
    const bool same = status.record == record && status.observed_generation == chain.meta.generation;
    status.record = record;
    status.observed_generation = chain.meta.generation;
    // A look that finds the same is no reason for a write to every object.
    const bool told = status.observed && same;
    if (!told) status.observed = observed;
    run::set_condition(
        status.conditions, {.now = now, .generation = chain.meta.generation}, "Ready", good ? "True" : "False",
        good ? base::Reason::kReady : record.reason,
        good ? "its first and its last backup can be read, and nothing is known against it" : record.message);
    return status;
}

}  // namespace n4b::chain
