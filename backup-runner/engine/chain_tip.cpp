#include "backup-runner/engine/chain_tip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/restore_choice.hpp"
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
/// How often all heads of a chain are read before it is extended: a request for each of them.
constexpr std::int64_t kReadAllEvery = 16;
/// Chains that are looked at, the newest of them.
constexpr std::size_t kMostChains = 64;
/// Facts that one run takes away.
constexpr std::size_t kMostSuperseded = 1000;

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

/// What a listing shows of a head.
struct ListedHead {
    std::string name{};
    std::string directory{};  ///< Of its artifact.
    std::int64_t bytes = 0;
};

/// The heads of the chain up to the tip by their sequence; nothing where two stand at one place.
Result<std::optional<std::map<std::int64_t, ListedHead>>> list_chain(ObjectStore& store, const format::Layout& layout,
                                                                     const Artifact& tip, const Call& call) {
    std::map<std::int64_t, ListedHead> heads;
    bool forks = false;
    N4B_TRY_VOID(store.list(
        layout.heads() + tip.head.name.chain + "-", "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                auto name = object.key.substr(layout.heads().size());
                const auto parsed = format::parse_head_name(name);
                if (!parsed || parsed->artifact.sequence > tip.head.name.sequence) continue;
                const ListedHead head{.name = std::move(name),
                                      .directory = format::directory_name(parsed->artifact),
                                      .bytes = object.bytes};
                const auto added = heads.emplace(parsed->artifact.sequence, head);
                forks = forks || !added.second;
            }
            return true;
        },
        call));
    if (forks) return std::nullopt;
    return std::optional(std::move(heads));
}

/// That the heads are there which the tip goes on from, by name and size. That they say what they said is seen where
/// all of them are read.
Result<void> check_heads(const std::map<std::int64_t, ListedHead>& heads, const Artifact& tip) {
    std::int64_t bytes = 0;
    for (std::int64_t sequence = 0; sequence < tip.head.name.sequence; ++sequence) {
        const auto found = heads.find(sequence);
        if (found == heads.end()) {
            return damaged(fmt::format("{}: found no head with sequence {} of its chain", tip.key, sequence));
        }
        bytes = base::saturating_sum(bytes, found->second.bytes);
    }
    const auto& parent = tip.head.parent;
    if (!parent) return {};
    if (const auto& name = heads.at(tip.head.name.sequence - 1).name; name != parent->name) {
        return damaged(fmt::format("{}: found {} before it, expected {}", tip.key, name, parent->name));
    }
    if (bytes == parent->head_bytes) return {};
    return damaged(fmt::format("{}: the heads that it goes on from have {} bytes, expected {}", tip.key, bytes,
                               parent->head_bytes));
}

/// The directories of the artifacts up to the tip, as the names of heads tell. Now and then, and where two heads stand
/// at one place, the heads themselves are read.
Result<std::set<std::string>> directories_up_to(ObjectStore& store, const format::Layout& layout, const Artifact& tip,
                                                const Call& call) {
    std::set<std::string> directories;
    N4B_TRY(const auto listed, list_chain(store, layout, tip, call));
    if (listed) N4B_TRY_VOID(check_heads(*listed, tip));
    if (!listed || (tip.head.name.sequence + 1) % kReadAllEvery == 0) {
        N4B_TRY(const auto chain, read_chain(store, layout, tip, call));
        for (const auto& artifact : chain) directories.insert(format::directory_name(artifact.head.name));
    } else {
        for (const auto& [sequence, head] : *listed) directories.insert(head.directory);
    }
    return directories;
}

/// By their count and size, the blocks of all artifacts up to the tip are there.
Result<void> check_blocks(ObjectStore& store, const format::Layout& layout, const Artifact& tip, const Call& call) {
    N4B_TRY(const auto directories, directories_up_to(store, layout, tip, call));
    const auto prefix = layout.chain(tip.head.name.chain);
    std::int64_t blocks = 0;
    std::int64_t bytes = 0;
    N4B_TRY_VOID(store.list(
        prefix, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                const auto path = std::string_view(object.key).substr(prefix.size());
                const auto slash = path.find('/');
                if (slash == std::string_view::npos || !path.substr(slash).starts_with("/blocks/")) continue;
                if (!directories.contains(std::string(path.substr(0, slash)))) continue;
                ++blocks;
                bytes += object.bytes;
            }
            return true;
        },
        call));
    auto promised = tip.head.counts;
    if (tip.head.parent) {
        promised.blocks += tip.head.parent->blocks;
        promised.stored_bytes += tip.head.parent->stored_bytes;
    }
    if (blocks == promised.blocks && bytes == promised.stored_bytes) return {};
    return damaged(fmt::format("{}: {} blocks with {} bytes are there up to this backup, its heads promise {} with {}",
                               tip.key, blocks, bytes, promised.blocks, promised.stored_bytes));
}

/// Chains by when they began, the last one first. After a source was set back the older chain reaches further, and is
/// what the source can't go on from. That nothing is appended to the wrong one is proved by its last transaction, and
/// rests on no clock.
Result<std::vector<std::string>> list_chains(ObjectStore& store, const format::Layout& layout, const Call& call) {
    std::set<std::string> chains;
    std::optional<base::Error> unknown;
    N4B_TRY_VOID(list_head_names(
        store, layout,
        [&](const std::string& name) {
            const auto parsed = format::parse_head_name(name);
            // A later runner's backup, which may be the newest.
            if (!parsed) {
                unknown = parsed.error().wrap(layout.heads() + name);
                return false;
            }
            chains.insert(parsed->artifact.chain);
            if (chains.size() > kMostChains) chains.erase(chains.begin());
            return true;
        },
        call));
    if (unknown) return base::fail(*unknown);
    return std::vector<std::string>(chains.rbegin(), chains.rend());
}

/// The furthest artifact of the chain that began last, of those that have one; nothing: none has.
Result<std::optional<Artifact>> newest_tip(ObjectStore& store, const format::Layout& layout, const Call& call) {
    N4B_TRY(const auto chains, list_chains(store, layout, call));
    for (const auto& chain : chains) {
        auto tip = choose_artifact(store, layout, chain, call);
        if (tip) return std::optional(std::move(*tip));
        // It is being deleted, or all that it has was given up.
        const bool none =
            tip.error().reason == Reason::kArtifactNotFound || tip.error().reason == Reason::kArtifactConflict;
        if (!none) return base::fail(tip.error());
    }
    return std::nullopt;
}

Result<void> check_unmarked(ObjectStore& store, const format::Layout& layout, const Artifact& tip, const Call& call) {
    std::optional<format::FactName> mark;
    N4B_TRY_VOID(list_facts(
        store, layout, tip.head.name.chain + "-",
        [&](const format::FactName& fact) {
            if (fact.fact == kDamagedFact) mark = fact;
        },
        call));
    if (!mark) return {};
    return damaged(fmt::format("{}: the chain was found damaged before, as {} tells", tip.key, layout.fact(*mark)));
}

}  // namespace

Result<std::optional<Artifact>> find_tip(ObjectStore& store, const format::Layout& layout, const TipWish& wish,
                                         const Call& call) {
    N4B_TRY(auto tip, newest_tip(store, layout, call));
    if (!tip) return std::nullopt;
    if (tip->head.name.sequence + 1 >= wish.most_artifacts) {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kChainTooLong,
                          fmt::format("chain {} has {} backups, and may have {}", tip->head.name.chain,
                                      tip->head.name.sequence + 1, wish.most_artifacts));
    }
    if (!tip->head.transactions) {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kNoEarlierBackup,
                          fmt::format("{}: holds no transactions, so nothing can go on from it", tip->key));
    }
    N4B_TRY_VOID(check_unmarked(store, layout, *tip, call));
    const auto whole = not_closed_meanwhile(store, *tip, check_blocks(store, layout, *tip, call), call);
    if (!whole && whole.error().reason == Reason::kArtifactDamaged && !wish.read_only) {
        // Where it can't be put down, the next increment finds the damage by itself.
        (void)mark_damaged(store, *tip, wish.run, whole.error().message, call);
    }
    if (!whole) return base::fail(whole.error());
    return std::optional(std::move(*tip));
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
