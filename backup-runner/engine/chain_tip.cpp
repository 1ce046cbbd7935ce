#include "backup-runner/engine/chain_tip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/damage.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using format::damaged;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// Heads at one place of a chain that are looked at: each stands for a writer of the same moment.
constexpr std::size_t kMostSiblings = 64;
/// Chains that are looked at, the newest of them.
constexpr std::size_t kMostChains = 64;
/// Shorter chains are extended without a look into their heads.
constexpr std::int64_t kFewArtifacts = 16;
/// Facts that one run takes away.
constexpr std::size_t kMostSuperseded = 1000;

/// Whether all heads of a chain of so many artifacts are read before it is extended, which takes a request for each of
/// them: each time its length has doubled, so that it is one for each increment on the average.
bool reads_all_heads(std::int64_t artifacts) {
    return artifacts >= kFewArtifacts && std::has_single_bit(static_cast<std::uint64_t>(artifacts));
}

/// Calls take for the names of all heads that begin so.
Result<void> list_names(ObjectStore& store, const std::string& directory, const std::string& begin,
                        const std::function<void(const std::string&)>& take, const Call& call) {
    return store.list(
        directory + begin, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) take(object.key.substr(directory.size()));
            return true;
        },
        call);
}

/// What lies below the directories of some artifacts of a chain.
struct Stored {
    std::int64_t blocks = 0;
    std::int64_t bytes = 0;
    bool abandoned = false;
};

/// What one listing shows of a chain.
struct ChainContent {
    std::map<std::string, Stored> artifacts{};  ///< By their directories, of those that have heads.
    bool closed = false;
};

Result<ChainContent> list_content(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                  const std::vector<HeadList::Listed>& heads, const Call& call) {
    ChainContent content;
    for (const auto& head : heads) content.artifacts[format::directory_name(head.parsed.artifact)];
    const auto prefix = layout.chain(chain);
    const auto closed = layout.closed(chain);
    N4B_TRY_VOID(store.list(
        prefix, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                content.closed = content.closed || object.key == closed;
                const auto path = std::string_view(object.key).substr(prefix.size());
                const auto slash = std::min(path.find('/'), path.size());
                const auto of = content.artifacts.find(std::string(path.substr(0, slash)));
                if (of == content.artifacts.end()) continue;
                auto& stored = of->second;
                stored.abandoned = stored.abandoned || path.substr(slash) == "/abandoned.json";
                if (!path.substr(slash).starts_with("/blocks/")) continue;
                ++stored.blocks;
                stored.bytes = base::saturating_sum(stored.bytes, object.bytes);
            }
            return true;
        },
        call));
    return content;
}

/// A tip, and what was seen of its chain.
struct FoundTip {
    Artifact artifact;
    std::vector<HeadList::Listed> heads{};
    ChainContent content{};
};

/// The heads of the chain up to the tip by their sequence; nothing where two stand at one place.
std::optional<std::map<std::int64_t, const HeadList::Listed*>> heads_up_to(const FoundTip& tip) {
    std::map<std::int64_t, const HeadList::Listed*> heads;
    for (const auto& head : tip.heads) {
        const auto sequence = head.parsed.artifact.sequence;
        if (sequence > tip.artifact.head.name.sequence) continue;
        if (!heads.emplace(sequence, &head).second) return std::nullopt;
    }
    return heads;
}

/// That the heads are there which the tip goes on from, by name and size. That they say what they said is seen where
/// all of them are read.
Result<void> check_heads(const std::map<std::int64_t, const HeadList::Listed*>& heads, const Artifact& tip) {
    std::int64_t bytes = 0;
    for (std::int64_t sequence = 0; sequence < tip.head.name.sequence; ++sequence) {
        const auto found = heads.find(sequence);
        if (found == heads.end()) {
            return damaged(fmt::format("{}: found no head with sequence {} of its chain", tip.key, sequence));
        }
        bytes = base::saturating_sum(bytes, found->second->bytes);
    }
    const auto& parent = tip.head.parent;
    if (!parent) return {};
    if (const auto& name = heads.at(tip.head.name.sequence - 1)->name; name != parent->name) {
        return damaged(fmt::format("{}: found {} before it, expected {}", tip.key, name, parent->name));
    }
    if (bytes == parent->head_bytes) return {};
    return damaged(fmt::format("{}: the heads that it goes on from have {} bytes, expected {}", tip.key, bytes,
                               parent->head_bytes));
}

/// The directories of the artifacts up to the tip, as the names of heads tell. Now and then, and where two heads stand
/// at one place, the heads themselves are read.
Result<std::set<std::string>> directories_up_to(ObjectStore& store, const format::Layout& layout, const FoundTip& tip,
                                                const Call& call) {
    std::set<std::string> directories;
    const auto heads = heads_up_to(tip);
    if (heads) N4B_TRY_VOID(check_heads(*heads, tip.artifact));
    if (!heads || reads_all_heads(tip.artifact.head.name.sequence + 1)) {
        N4B_TRY(const auto chain, read_chain(store, layout, tip.artifact, call));
        for (const auto& artifact : chain) directories.insert(format::directory_name(artifact.head.name));
    } else {
        for (const auto& [sequence, head] : *heads) directories.insert(format::directory_name(head->parsed.artifact));
    }
    return directories;
}

/// By their count and size, the blocks of all artifacts up to the tip are there.
Result<void> check_blocks(ObjectStore& store, const format::Layout& layout, const FoundTip& tip, const Call& call) {
    N4B_TRY(const auto directories, directories_up_to(store, layout, tip, call));
    Stored found;
    for (const auto& [directory, stored] : tip.content.artifacts) {
        if (!directories.contains(directory)) continue;
        found.blocks += stored.blocks;
        found.bytes = base::saturating_sum(found.bytes, stored.bytes);
    }
    const auto& head = tip.artifact.head;
    auto promised = head.counts;
    if (head.parent) {
        promised.blocks += head.parent->blocks;
        promised.stored_bytes += head.parent->stored_bytes;
    }
    if (found.blocks == promised.blocks && found.bytes == promised.stored_bytes) return {};
    return damaged(fmt::format("{}: {} blocks with {} bytes are there up to this backup, its heads promise {} with {}",
                               tip.artifact.key, found.blocks, found.bytes, promised.blocks, promised.stored_bytes));
}

/// Chains by when they began, the last one first. After a source was set back the older chain reaches further, and is
/// what the source can't go on from. That nothing is appended to the wrong one is proved by its last transaction, and
/// rests on no clock.
Result<std::vector<std::string>> newest_chains(const HeadList& heads) {
    // A later runner's backup, which may be the newest.
    if (heads.unknown()) return base::fail(*heads.unknown());
    std::vector<std::string> chains;
    for (auto head = heads.heads().rbegin(); head != heads.heads().rend() && chains.size() < kMostChains; ++head) {
        const auto& chain = head->parsed.artifact.chain;
        if (chains.empty() || chains.back() != chain) chains.push_back(chain);
    }
    return chains;
}

/// The artifact of a chain that reaches furthest; nothing: it is being deleted, or all that it has was given up.
Result<std::optional<FoundTip>> tip_of_chain(ObjectStore& store, const format::Layout& layout, const HeadList& list,
                                             const std::string& chain, const Call& call) {
    if (!list.covers(chain)) {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kChainTooLong,
                          fmt::format("chain {} has more heads than this runner reads", chain));
    }
    auto heads = list.of_chain(chain);
    N4B_TRY(auto content, list_content(store, layout, chain, heads, call));
    if (content.closed) return std::nullopt;
    auto furthest = heads;
    std::sort(furthest.begin(), furthest.end(), [](const auto& a, const auto& b) {
        return std::tie(a.parsed.highest, a.name) > std::tie(b.parsed.highest, b.name);
    });
    for (const auto& next : furthest) {
        if (content.artifacts.at(format::directory_name(next.parsed.artifact)).abandoned) continue;
        auto artifact = read_head(store, layout, next.name, call);
        if (artifact) {
            return std::optional(
                FoundTip{.artifact = std::move(*artifact), .heads = std::move(heads), .content = std::move(content)});
        }
        if (artifact.error().code == ErrorCode::kNotFound) continue;
        // Of what is being deleted nothing that is amiss counts.
        if (is_unwanted(check_wanted(store, layout, next.parsed.artifact, call))) continue;
        return base::fail(artifact.error());
    }
    return std::nullopt;
}

/// The furthest artifact of the chain that began last, of those that have one; nothing: none has.
Result<std::optional<FoundTip>> newest_tip(ObjectStore& store, const format::Layout& layout, const HeadList& heads,
                                           const Call& call) {
    N4B_TRY(const auto chains, newest_chains(heads));
    for (const auto& chain : chains) {
        N4B_TRY(auto tip, tip_of_chain(store, layout, heads, chain, call));
        if (tip) return tip;
    }
    return std::nullopt;
}

Result<void> check_unmarked(const format::Layout& layout, const HeadList& heads, const Artifact& tip) {
    const auto* const mark = heads.damage_of(tip.head.name.chain);
    if (mark == nullptr) return {};
    return damaged(fmt::format("{}: the chain was found damaged before, as {} tells", tip.key, layout.fact(*mark)));
}

}  // namespace

Result<std::optional<Artifact>> find_tip(ObjectStore& store, const format::Layout& layout, const HeadList& heads,
                                         const TipWish& wish, const Call& call) {
    N4B_TRY(auto found, newest_tip(store, layout, heads, call));
    if (!found) return std::nullopt;
    auto& tip = found->artifact;
    if (tip.head.name.sequence + 1 >= wish.most_artifacts) {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kChainTooLong,
                          fmt::format("chain {} has {} backups, and may have {}", tip.head.name.chain,
                                      tip.head.name.sequence + 1, wish.most_artifacts));
    }
    if (!tip.head.transactions) {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kNoEarlierBackup,
                          fmt::format("{}: holds no transactions, so nothing can go on from it", tip.key));
    }
    N4B_TRY_VOID(check_unmarked(layout, heads, tip));
    const auto whole = not_closed_meanwhile(store, tip, check_blocks(store, layout, *found, call), call);
    if (!whole && whole.error().reason == Reason::kArtifactDamaged && !wish.read_only) {
        // Where it can't be put down, the next increment finds the damage by itself.
        (void)mark_damaged(store, tip, wish.run, whole.error().message, call);
    }
    if (!whole) return base::fail(whole.error());
    return std::optional(std::move(tip));
}

Result<void> mark_up_to_date(ObjectStore& store, const Artifact& tip, base::SystemTime at, const format::RunId& run,
                             const Call& call) {
    N4B_TRY(const auto layout, layout_of(tip));
    const auto fact = fact_about(tip, kUpToDateFact, at, run);
    N4B_TRY_VOID(put_fact(store, layout, fact, tip, "", call));
    // One for each look at a quiet database would be many.
    std::vector<std::string> superseded;
    N4B_TRY_VOID(list_facts(
        store, layout, fact.chain + "-",
        [&](const format::FactName& other) {
            const bool older =
                other.fact == kUpToDateFact && other.time < fact.time && other.transaction <= fact.transaction;
            if (older && superseded.size() < kMostSuperseded) superseded.push_back(layout.fact(other));
        },
        call));
    // Who may not remove anything keeps them; they say nothing wrong.
    for (const auto& key : superseded) {
        if (!store.remove(key, call)) break;
    }
    return {};
}

bool goes_before(const format::HeadName& one, const format::HeadName& other) {
    if (one.highest != other.highest) return one.highest > other.highest;
    return to_string(one) > to_string(other);
}

Result<std::optional<format::HeadName>> find_sibling(ObjectStore& store, const format::Layout& layout,
                                                     const format::HeadName& own, const Call& call) {
    std::vector<format::HeadName> others;
    N4B_TRY_VOID(list_names(
        store, layout.heads(), fmt::format("{}-{:06}-", own.artifact.chain, own.artifact.sequence),
        [&](const std::string& name) {
            const auto other = format::parse_head_name(name);
            if (other && *other != own && others.size() < kMostSiblings) others.push_back(*other);
        },
        call));
    std::sort(others.begin(), others.end(), goes_before);
    for (const auto& other : others) {
        // One that was given up before its head arrived does not count, and must not keep the chain from growing.
        const auto kept = check_not_abandoned(store, layout, other.artifact, call);
        if (kept) return other;
        if (!is_unwanted(kept)) return base::fail(kept.error());
    }
    return std::nullopt;
}

}  // namespace n4b::engine
