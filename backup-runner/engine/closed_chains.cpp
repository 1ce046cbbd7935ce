#include "backup-runner/engine/closed_chains.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/chain_hold.hpp"
#include "backup-runner/engine/chain_listing.hpp"
#include "backup-runner/engine/chain_removal.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "common/base/hex.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Result;
using base::SystemTime;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// How long the removal of a head may be on its way that was sent before a hold came.
constexpr std::chrono::hours kMargin{1};
/// How long the hold counts that stops other runs: a prune of every day comes back within that time.
constexpr std::chrono::hours kKeptFor{48};
/// How long it may take to close a chain again after everything else has failed.
constexpr std::chrono::seconds kTakeBackTime{10};

/// A store in which some chains are not closed, for whoever judges them as all others. For reading only.
class OpenedView final : public object_store::ForwardingStore {
public:
    OpenedView(ObjectStore& store, std::set<std::string, std::less<>> hidden)
        : ForwardingStore(store), hidden_(std::move(hidden)) {}

    Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                            const Call& call) override {
        if (hidden_.contains(key)) return missing(key);
        return ForwardingStore::get(key, offset, into, call);
    }
    Result<ObjectInfo> stat(std::string_view key, const Call& call) override {
        if (hidden_.contains(key)) return missing(key);
        return ForwardingStore::stat(key, call);
    }
    Result<void> list(std::string_view prefix, std::string_view after,
                      const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) override {
        std::vector<ObjectInfo> seen;
        return ForwardingStore::list(
            prefix, after,
            [&](std::span<const ObjectInfo> page) {
                seen.clear();
                std::ranges::copy_if(page, std::back_inserter(seen),
                                     [&](const ObjectInfo& object) { return !hidden_.contains(object.key); });
                return seen.empty() || take(seen);
            },
            call);
    }

private:
    static tl::unexpected<base::Error> missing(std::string_view key) {
        return base::fail(ErrorCode::kNotFound, base::Reason::kArtifactNotFound,
                          std::string(key) + ": passed over, since the chain is looked at as if it were open");
    }

    const std::set<std::string, std::less<>> hidden_;
};

/// The facts that tell of removals of this chain.
Result<std::vector<format::FactName>> closings(ObjectStore& store, const format::Layout& layout,
                                               const std::string& chain, const Call& call) {
    std::vector<format::FactName> found;
    N4B_TRY_VOID(list_facts(
        store, layout, chain + "-",
        [&](const format::FactName& fact) {
            if (fact.fact == kClosedFact) found.push_back(fact);
        },
        call));
    return found;
}

/// When no other run can be at work any more that put one of these facts down; nothing: none can be now.
std::optional<SystemTime> end_of_others(const std::vector<format::FactName>& facts, const format::RunId& run,
                                        SystemTime now) {
    std::optional<SystemTime> end;
    for (const auto& fact : facts) {
        const auto until = fact.time + kLongestRun;
        if (fact.run != run && until >= now) end = std::max(end.value_or(until), until);
    }
    return end;
}

}  // namespace

Result<Closing> closing_of(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                           const Call& call) {
    const auto closed = store.stat(layout.closed(chain), call);
    if (!closed && closed.error().code == ErrorCode::kNotFound) return Closing::kOpen;
    if (!closed) return base::fail(closed.error());
    N4B_TRY(const auto listing, list_chain(store, layout, chain, call));
    N4B_TRY(const bool lost, has_lost_head(store, layout, listing, call));
    return lost ? Closing::kBegun : Closing::kWhole;
}

Result<std::vector<std::string>> closed_whole_chains(ObjectStore& store, const format::Layout& layout,
                                                     const Call& call) {
    N4B_TRY(const auto begun, removals_begun(store, layout, call));
    // Most are removed and remembered for a while. One listing of the heads spares a look at each of those.
    std::set<std::string> with_heads;
    N4B_TRY_VOID(list_head_names(
        store, layout,
        [&](const std::string& name) {
            if (const auto head = format::parse_head_name(name)) with_heads.insert(head->artifact.chain);
            return true;
        },
        call));
    std::vector<std::string> whole;
    for (const auto& chain : begun) {
        if (!with_heads.contains(chain)) continue;
        const auto closing = closing_of(store, layout, chain, call);
        // A chain that can't be looked at stays closed. Whoever goes on with removals finds and tells the same.
        if (closing && *closing == Closing::kWhole) whole.push_back(chain);
    }
    return whole;
}

Result<ChainRecords> record_chains_as_open(ObjectStore& store, const std::string& source, const std::string& database,
                                           const std::vector<std::string>& closed, const Call& call) {
    N4B_TRY(const auto layout, format::Layout::create(source, database));
    std::set<std::string, std::less<>> hidden;
    for (const auto& chain : closed) hidden.insert(layout.closed(chain));
    OpenedView view(store, std::move(hidden));
    return record_chains_of(view, source, database, call);
}

// Why no run removes a head of a chain that another run has opened. A run that removes puts its fact down, and after
// that looks, before each head, first for holds and then for closed.json. A run that opens
//
// 1. lists the facts. Each fact of another run that may be at work still ends it here, unless a hold has been there for
//    an hour: the other run has sent the removal of at most one head since it looked last, before the hold came, and
//    that removal has arrived by now or never will. Before the next head that run sees the hold and stops;
// 2. sees that no head is gone;
// 3. removes closed.json;
// 4. lists the facts once more. A run whose fact is not among those of step 1 may have seen closed.json before step 3,
//    and may not see the hold, which can have been taken away meanwhile. So closed.json is put back, and what that run
//    does is the removal of a closed chain. A run whose fact comes after this listing looks for closed.json after
//    that, finds none, and stops; or it creates closed.json anew by a decision of its own;
// 5. removes the facts of step 1, and no others. Without the fact of a run that came later nobody would find the chain
//    again where that run dies on its way.
//
// Two that open the chain at once do no harm: each step is the same for both, and each of them puts closed.json back
// where it sees a newcomer. One that dies between steps 3 and 4, while a newcomer removes a head, leaves an open chain
// that is shorter by that head, and sound.
Result<Reopening> open_again(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                             const format::RunId& run, std::optional<SystemTime> held_since, const Call& call) {
    using State = Reopening::State;
    N4B_TRY(const auto known, closings(store, layout, chain, call));
    N4B_TRY(const auto now, store.now(call));
    const auto others = end_of_others(known, run, now);
    if (others) {
        const auto settled = held_since ? std::min(*held_since + kMargin, *others) : *others;
        if (settled >= now) return Reopening{.state = State::kEarly, .not_before = settled};
    }
    N4B_TRY(const auto listing, list_chain(store, layout, chain, call));
    N4B_TRY(const bool lost, has_lost_head(store, layout, listing, call));
    if (lost) return Reopening{.state = State::kBegun};
    const auto key = layout.closed(chain);
    N4B_TRY(const auto removal, store.remove(key, call));
    if (removal == object_store::Removal::kHeld) return Reopening{.state = State::kLocked};
    const auto after = closings(store, layout, chain, call);
    const bool alone =
        after && std::ranges::all_of(*after, [&](const auto& fact) { return std::ranges::count(known, fact) > 0; });
    if (!alone) {
        const Call take_back{.deadline = base::Deadline::after(kTakeBackTime)};
        const auto closed = create_object(store, key, format::print_closed(), take_back);
        if (!after) return base::fail(after.error());
        if (!closed) return base::fail(closed.error());
        return Reopening{.state = State::kEarly, .not_before = end_of_others(*after, run, now)};
    }
    for (const auto& fact : known) N4B_TRY_VOID(store.remove(layout.fact(fact), call));
    return Reopening{};
}

Result<Reopening> keep_closed_chain(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                    const format::RunId& run, const Call& call) {
    N4B_TRY(const auto hold, find_hold(store, layout, chain, call));
    N4B_TRY(auto reopening, open_again(store, layout, chain, run, hold ? hold->since : std::nullopt, call));
    if (hold || reopening.state != Reopening::State::kEarly) return reopening;
    N4B_TRY(const auto now, store.now(call));
    const format::ReaderHoldName own{.expires = std::chrono::ceil<std::chrono::seconds>(now + kKeptFor),
                                     .random = base::random_digits()};
    const auto placed =
        create_object(store, layout.hold(chain, own), format::print_hold({.expires = own.expires}), call);
    // Without the hold, as on a full storage, the chain stays closed until the other run must have ended.
    if (placed && reopening.not_before) reopening.not_before = std::min(*reopening.not_before, now + kMargin);
    return reopening;
}

}  // namespace n4b::engine
