#include "backup-runner/engine/chain_records.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/restore_choice.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using contract::ChainRecord;
using format::Layout;
using object_store::Call;
using object_store::ObjectStore;

/// A head that can't be read is told by the record of its chain, so that the log needs no warning of it.
void tell_nobody(const FoundHead& /*head*/) {}

/// The facts of a chain that its record tells.
struct KnownFacts {
    std::int64_t up_to_date_transaction = 0;
    std::optional<base::SystemTime> up_to_date{};
    bool damaged = false;
};

void learn(KnownFacts& known, const format::FactName& fact) {
    if (fact.fact == kDamagedFact) known.damaged = true;
    if (fact.fact != kUpToDateFact) return;
    const bool newer = !known.up_to_date || fact.transaction > known.up_to_date_transaction ||
                       (fact.transaction == known.up_to_date_transaction && fact.time > *known.up_to_date);
    if (!newer) return;
    known.up_to_date = fact.time;
    known.up_to_date_transaction = fact.transaction;
}

/// What the names of a chain's heads tell.
struct NamedChain {
    std::string name{};
    std::string full{};  ///< Name of the head with sequence 0; empty: there is none.
    std::string last{};  ///< Of the one with the highest.
    std::int64_t sequence = -1;
    std::int64_t highest = 0;
    bool forks = false;  ///< Two heads stand at one place.

    void add(const std::string& head, const format::HeadName& parsed) {
        const auto at = parsed.artifact.sequence;
        forks = forks || at == sequence;
        if (at == 0) full = head;
        last = head;
        sequence = at;
        highest = std::max(highest, parsed.highest);
    }
};

/// Records the chains of one database.
class DatabaseRecords {
public:
    DatabaseRecords(ObjectStore& store, const std::string& source, const std::string& database, const Call& call)
        : store_(store), source_(source), database_(database), call_(call) {}

    /// `room`: for how many chains there is; the newest are kept. Adds to the artifacts and to those left out.
    Result<void> add_to(ChainRecords& all, std::size_t room) {
        N4B_TRY(const auto layout, Layout::create(source_, database_));
        N4B_TRY(auto chains, named_chains(layout, all, room));
        if (chains.empty()) return {};
        N4B_TRY(const auto facts, read_facts(layout, chains));
        for (const auto& chain : chains) {
            N4B_TRY(auto recorded, record_of(layout, chain, facts.at(chain.name)));
            if (!recorded) continue;
            all.chains.push_back(std::move(recorded->record));
            all.finished.push_back(recorded->finished);
            all.origins.push_back(std::move(recorded->origin));
        }
        return {};
    }

private:
    Result<std::deque<NamedChain>> named_chains(const Layout& layout, ChainRecords& all, std::size_t room) {
        std::deque<NamedChain> chains;
        N4B_TRY_VOID(list_head_names(
            store_, layout,
            [&](const std::string& name) {
                const auto parsed = format::parse_head_name(name);
                // What a later runner wrote under another kind of name.
                if (!parsed) return true;
                ++all.artifacts;
                if (chains.empty() || chains.back().name != parsed->artifact.chain) {
                    chains.push_back({.name = parsed->artifact.chain});
                }
                chains.back().add(name, *parsed);
                if (chains.size() > room) {
                    chains.pop_front();
                    ++all.left_out;
                }
                return true;
            },
            call_));
        return chains;
    }

    /// The facts of these chains. Facts of others are passed over: those of chains that went long ago may be many, and
    /// must not take the room of those that count.
    Result<std::map<std::string, KnownFacts>> read_facts(const Layout& layout, const std::deque<NamedChain>& chains) {
        std::map<std::string, KnownFacts> facts;
        for (const auto& chain : chains) facts[chain.name];
        N4B_TRY_VOID(list_facts(
            store_, layout, "",
            [&](const format::FactName& fact) {
                const auto known = facts.find(fact.chain);
                if (known != facts.end()) learn(known->second, fact);
            },
            call_));
        return facts;
    }

    struct Recorded {
        ChainRecord record;
        std::optional<FinishedTimes> finished{};
        format::Origin origin{};
    };

    /// Nothing: the chain is being deleted, or all that it has was given up.
    Result<std::optional<Recorded>> record_of(const Layout& layout, const NamedChain& chain, const KnownFacts& facts) {
        const auto tip = tip_of(layout, chain);
        const auto full = tip ? full_of(layout, chain, *tip) : Result<Artifact>(base::fail(tip.error()));
        if (!full) return unreadable(chain, full.error());
        Recorded recorded{.record = told_by(*tip, *full, facts),
                          .finished = FinishedTimes{.full = full->head.end, .last = tip->head.end},
                          .origin = full->head.origin};
        if (facts.damaged) {
            recorded.record.reason = Reason::kArtifactDamaged;
            recorded.record.message = "a fact in the storage tells that the chain was found damaged";
        }
        return std::optional(std::move(recorded));
    }

    Result<Artifact> tip_of(const Layout& layout, const NamedChain& chain) {
        // A restore decides which of two heads at one place counts, and the record must tell the same.
        if (chain.forks) return choose_artifact(store_, layout, chain.name, call_, tell_nobody);
        auto tip = read_head(store_, layout, chain.last, call_);
        if (!tip) return tip;
        N4B_TRY_VOID(check_open(store_, layout, chain.name, call_));
        const auto kept = check_not_abandoned(store_, layout, tip->head.name, call_);
        if (kept) return tip;
        if (!is_unwanted(kept)) return base::fail(kept.error());
        return choose_artifact(store_, layout, chain.name, call_, tell_nobody);
    }

    Result<Artifact> full_of(const Layout& layout, const NamedChain& chain, const Artifact& tip) {
        if (!tip.head.parent) return tip;
        if (!chain.full.empty()) return read_head(store_, layout, chain.full, call_);
        return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged,
                          tip.key + ": found no head of the full that its chain begins with");
    }

    /// What the names of heads tell, with the reason why there is no more. Errors: those that say nothing about the
    /// chain.
    Result<std::optional<Recorded>> unreadable(const NamedChain& chain, const base::Error& error) const {
        const bool gone = error.reason == Reason::kArtifactConflict || error.reason == Reason::kArtifactNotFound;
        if (gone) return std::optional<Recorded>();
        if (!lies_in_the_head(error)) return base::fail(error);
        return std::optional(Recorded{.record = {.source = source_,
                                                 .database = database_,
                                                 .chain = chain.name,
                                                 .tip = chain.last.substr(0, chain.last.rfind('.')),
                                                 .artifacts = chain.sequence + 1,
                                                 .highest_transaction = chain.highest,
                                                 .reason = *error.reason,
                                                 .message = error.message}});
    }

    ChainRecord told_by(const Artifact& tip, const Artifact& full, const KnownFacts& facts) const {
        auto record = contract::chain_up_to(report_of(tip));
        record.source = source_;
        record.store_id = tip.head.store_id;
        record.restorable_from = restorable_from(full.head);
        if (facts.up_to_date && facts.up_to_date_transaction == record.highest_transaction) {
            record.current_at = std::max(record.current_at.value_or(*facts.up_to_date), *facts.up_to_date);
        }
        return record;
    }

    ObjectStore& store_;
    const std::string& source_;
    const std::string& database_;
    const Call& call_;
};

}  // namespace

Result<ChainRecords> record_chains(ObjectStore& store, std::size_t most, const Call& call) {
    ChainRecords records;
    std::optional<base::Error> failure;
    N4B_TRY_VOID(walk_databases(
        store, "",
        [&](const std::string& source, const std::string& database) {
            const auto added =
                DatabaseRecords(store, source, database, call).add_to(records, most - records.chains.size());
            if (!added) failure = added.error();
            return !failure;
        },
        call));
    if (failure) return base::fail(*failure);
    return records;
}

Result<ChainRecords> record_chains_of(ObjectStore& store, const std::string& source, const std::string& database,
                                      const Call& call) {
    ChainRecords records;
    N4B_TRY_VOID(DatabaseRecords(store, source, database, call).add_to(records, contract::kMostChains));
    return records;
}

}  // namespace n4b::engine
