#include "backup-runner/engine/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// Facts about one artifact that are looked at: each level has one, and as many more as removals failed.
constexpr std::size_t kMostFacts = 64;

/// Whether the fact is about this artifact, and not about one at the same place of the chain, which only its content
/// tells. What can't be read says nothing.
Result<bool> is_about(ObjectStore& store, const format::Layout& layout, const format::FactName& fact,
                      const Artifact& artifact, const Call& call) {
    const auto text = read_small(store, layout.fact(fact), format::kMaxSmallFileBytes, call);
    if (!text && text.error().code != base::ErrorCode::kNotFound && !lies_in_the_head(text.error())) {
        return base::fail(text.error());
    }
    const auto head = text.and_then([](const std::string& good) { return format::parse_fact(good); });
    return head && *head == format::to_string(format::name_of(artifact.head));
}

/// The facts of the kinds that say how sound an artifact is.
Result<std::vector<format::FactName>> facts_of(ObjectStore& store, const format::Layout& layout,
                                               const Artifact& artifact, const Call& call) {
    const auto& name = artifact.head.name;
    std::vector<format::FactName> found;
    N4B_TRY_VOID(list_facts(
        store, layout, fmt::format("{}-{:06}-", name.chain, name.sequence),
        [&](const format::FactName& fact) {
            const bool known = fact.fact == kDamagedFact || contract::parse_verify_level(fact.fact).has_value();
            if (known && fact.transaction == highest_of(artifact.head)) found.push_back(fact);
        },
        call));
    std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) { return one.time > other.time; });
    if (found.size() > kMostFacts) found.resize(kMostFacts);
    std::vector<format::FactName> own;
    for (auto& fact : found) {
        N4B_TRY(const bool about, is_about(store, layout, fact, artifact, call));
        if (about) own.push_back(std::move(fact));
    }
    return own;
}

}  // namespace

Result<void> list_facts(ObjectStore& store, const format::Layout& layout, const std::string& name_begin,
                        const std::function<void(const format::FactName&)>& take, const Call& call) {
    const auto directory = layout.facts();
    return store.list(
        directory + name_begin, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                const auto fact = format::parse_fact_name(std::string_view(object.key).substr(directory.size()));
                if (fact) take(*fact);
            }
            return true;
        },
        call);
}

format::FactName fact_about(const Artifact& artifact, std::string_view kind, base::SystemTime at,
                            const format::RunId& run) {
    return {.chain = artifact.head.name.chain,
            .sequence = artifact.head.name.sequence,
            .fact = std::string(kind),
            .transaction = highest_of(artifact.head),
            .time = std::chrono::floor<std::chrono::seconds>(at),
            .run = run};
}

Result<void> put_fact(ObjectStore& store, const format::Layout& layout, const format::FactName& fact,
                      const Artifact& artifact, std::string_view message, const Call& call) {
    N4B_TRY_VOID(
        create_object(store, layout.fact(fact), format::print_fact(format::name_of(artifact.head), message), call));
    return {};
}

Result<void> mark_damaged(ObjectStore& store, const Artifact& artifact, const format::RunId& run, std::string_view what,
                          const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    N4B_TRY(const auto now, store.now(call));
    return put_fact(store, layout, fact_about(artifact, kDamagedFact, now, run), artifact, what, call);
}

Result<void> keep_proof(ObjectStore& store, const Artifact& artifact, const Proof& proof, const format::RunId& run,
                        const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    const auto fact = fact_about(artifact, to_string(proof.level), proof.at, run);
    N4B_TRY_VOID(put_fact(store, layout, fact, artifact, "", call));
    const auto others = facts_of(store, layout, artifact, call);
    // It is kept. What it supersedes says nothing wrong, so whoever can't find or remove that leaves it.
    if (!others) return {};
    for (const auto& other : *others) {
        const auto level = contract::parse_verify_level(other.fact);
        const bool superseded = level && *level <= proof.level && other.time <= fact.time && other != fact;
        if (superseded && !store.remove(layout.fact(other), call)) break;
    }
    return {};
}

Result<KnownState> known_state(ObjectStore& store, const Artifact& artifact, const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    N4B_TRY(const auto facts, facts_of(store, layout, artifact, call));
    KnownState known;
    for (const auto& fact : facts) {
        if (fact.fact == kDamagedFact && (!known.damaged || fact.time > *known.damaged)) known.damaged = fact.time;
    }
    for (const auto& fact : facts) {
        const auto level = contract::parse_verify_level(fact.fact);
        if (!level || (known.damaged && fact.time <= *known.damaged)) continue;
        const bool better = !known.proof || *level > known.proof->level ||
                            (*level == known.proof->level && fact.time > known.proof->at);
        if (better) known.proof = Proof{.level = *level, .at = fact.time};
    }
    return known;
}

}  // namespace n4b::engine
