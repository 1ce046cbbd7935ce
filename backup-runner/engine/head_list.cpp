#include "backup-runner/engine/head_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "backup-runner/engine/facts.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using object_store::ObjectInfo;

/// More than the longest chain has that is read (kMostArtifacts), some 400 bytes each.
constexpr std::size_t kMostHeads = 5000;
constexpr std::size_t kMostDamage = 1000;
constexpr std::size_t kMostUnknownChains = 1000;
constexpr std::size_t kChainChars = 23;

bool is_before(const HeadList::Listed& head, const std::string& text) {
    return head.name < text;
}

}  // namespace

Result<HeadList> HeadList::read(object_store::ObjectStore& store, const format::Layout& layout,
                                const object_store::Call& call) {
    HeadList list;
    const auto facts = layout.facts();
    const auto heads = layout.heads();
    // Of what a database has, chains sort before facts, and facts before heads: one listing shows both.
    const auto base = heads.substr(0, heads.rfind('/', heads.size() - 2) + 1);
    N4B_TRY_VOID(store.list(
        base, facts,
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                if (object.key.starts_with(heads)) {
                    list.add(object.key.substr(heads.size()), object.bytes, layout);
                } else if (object.key.starts_with(facts)) {
                    auto fact = format::parse_fact_name(object.key.substr(facts.size()));
                    if (!fact || fact->fact != kDamagedFact) continue;
                    list.damage_.push_back(std::move(*fact));
                    if (list.damage_.size() <= kMostDamage) continue;
                    list.dropped_ = std::max(list.dropped_, list.damage_.front().chain);
                    list.damage_.pop_front();
                }
            }
            return true;
        },
        call));
    return list;
}

void HeadList::add(const std::string& name, std::int64_t bytes, const format::Layout& layout) {
    auto parsed = format::parse_head_name(name);
    if (!parsed) {
        unknown_ = parsed.error().wrap(layout.heads() + name);
        unknown_chains_.insert(name.substr(0, kChainChars));
        if (unknown_chains_.size() <= kMostUnknownChains) return;
        dropped_ = std::max(dropped_, *unknown_chains_.begin());
        unknown_chains_.erase(unknown_chains_.begin());
        return;
    }
    heads_.push_back({.name = name, .parsed = std::move(*parsed), .bytes = bytes});
    if (heads_.size() <= kMostHeads) return;
    dropped_ = std::max(dropped_, heads_.front().parsed.artifact.chain);
    heads_.pop_front();
}

std::vector<HeadList::Listed> HeadList::of_chain(const std::string& chain) const {
    const auto begin = std::lower_bound(heads_.begin(), heads_.end(), chain, is_before);
    const auto end =
        std::find_if(begin, heads_.end(), [&](const Listed& head) { return head.parsed.artifact.chain != chain; });
    return {begin, end};
}

bool HeadList::may_have(const format::ArtifactName& artifact) const {
    if (unknown_chains_.contains(artifact.chain)) return true;
    const auto begins = fmt::format("{}-{:06}-", artifact.chain, artifact.sequence);
    auto at = std::lower_bound(heads_.begin(), heads_.end(), begins, is_before);
    for (; at != heads_.end() && at->name.starts_with(begins); ++at) {
        if (at->parsed.artifact == artifact) return true;
    }
    return false;
}

const format::FactName* HeadList::damage_of(const std::string& chain) const {
    const auto found = std::find_if(damage_.rbegin(), damage_.rend(),
                                    [&](const format::FactName& fact) { return fact.chain == chain; });
    return found == damage_.rend() ? nullptr : &*found;
}

}  // namespace n4b::engine
