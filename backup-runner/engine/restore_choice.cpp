#include "backup-runner/engine/restore_choice.hpp"

#include <fmt/format.h>

#include <deque>
#include <set>
#include <utility>

#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::ObjectStore;

/// Names that are kept at once, some 120 bytes each; a repository may have any number.
constexpr std::size_t kMostNames = 1000;

/// What the names of the heads alone say.
struct Candidates {
    std::deque<std::string> newest{};                           ///< The last is the newest.
    std::set<std::pair<std::int64_t, std::string>> furthest{};  ///< By the highest transaction.
    std::optional<FoundHead> unknown{};                         ///< A later runner's, or nobody's.
};

/// `chain`: empty for all of them. `least`: only heads that reach this transaction, and of too many the first ones.
Result<Candidates> find_candidates(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                   std::optional<std::int64_t> least, const Call& call) {
    Candidates found;
    N4B_TRY_VOID(list_head_names(
        store, layout,
        [&](const std::string& name) {
            const auto parsed = format::parse_head_name(name);
            const auto key = layout.heads() + name;
            if (!parsed) {
                found.unknown = FoundHead{"", "", "", key, base::fail(parsed.error().wrap(key))};
                return true;
            }
            if (!chain.empty() && parsed->artifact.chain != chain) return true;
            if (least && parsed->highest < *least) return true;
            found.newest.push_back(name);
            found.furthest.emplace(parsed->highest, name);
            if (found.newest.size() > kMostNames) found.newest.pop_front();
            if (found.furthest.size() > kMostNames) {
                found.furthest.erase(least ? std::prev(found.furthest.end()) : found.furthest.begin());
            }
            return true;
        },
        call));
    return found;
}

std::string reach_of(const Artifact& artifact) {
    const auto& head = artifact.head;
    const auto time = head.transactions ? head.transactions->highest.point.time : std::nullopt;
    return fmt::format("chain {} of {}, up to transaction {}{}", head.name.chain, base::format_rfc3339(head.end),
                       highest_of(head), time ? " of " + base::format_rfc3339(*time) : "");
}

/// Which of two is meant only a person knows: the database may have been set back in between.
base::Error two_histories(const Artifact& furthest, const Artifact& newest) {
    return {
        .code = ErrorCode::kFailedPrecondition,
        .message = fmt::format("the newest backup ({}) does not reach as far as an earlier one ({}): the database was "
                               "set back or replaced in between, or its source lagged; name the chain to restore",
                               reach_of(newest), reach_of(furthest)),
        .reason = Reason::kChainAmbiguous};
}

/// An artifact, or nothing: it was deleted, or is being deleted.
Result<std::optional<Artifact>> read_wanted(ObjectStore& store, const format::Layout& layout, const std::string& name,
                                            const Call& call) {
    auto artifact = read_head(store, layout, name, call);
    if (!artifact && artifact.error().code == ErrorCode::kNotFound) return std::nullopt;
    const auto wanted = check_wanted(store, layout, format::parse_head_name(name)->artifact, call);
    if (is_unwanted(wanted)) return std::nullopt;
    if (!artifact) return base::fail(artifact.error());
    N4B_TRY_VOID(wanted);
    return std::optional(std::move(*artifact));
}

tl::unexpected<base::Error> none(const format::Layout& layout, const std::string& chain) {
    return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                      fmt::format("no backup below {}{}", layout.heads(), chain.empty() ? "" : " of chain " + chain));
}

/// The one that reaches furthest, or the first that reaches as far as is wanted: what lies behind it may be damaged.
Result<Artifact> choose_in_chain(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                 std::optional<std::int64_t> transaction, const Call& call) {
    N4B_TRY_VOID(check_open(store, layout, chain, call));
    N4B_TRY(auto found, find_candidates(store, layout, chain, transaction, call));
    while (!found.furthest.empty()) {
        const auto next = transaction ? found.furthest.begin() : std::prev(found.furthest.end());
        // Who names a chain wants that one, whole.
        N4B_TRY(auto artifact, read_wanted(store, layout, next->second, call));
        if (artifact) return std::move(*artifact);
        found.furthest.erase(next);
    }
    return none(layout, chain);
}

Result<Artifact> choose_latest(ObjectStore& store, const format::Layout& layout, const Call& call,
                               const PassedOverHead& passed_over) {
    N4B_TRY(const auto found, find_candidates(store, layout, "", std::nullopt, call));
    std::optional<Artifact> newest;
    auto newest_bad = found.unknown;
    for (auto name = found.newest.rbegin(); name != found.newest.rend() && !newest && !newest_bad; ++name) {
        auto artifact = read_wanted(store, layout, *name, call);
        if (artifact) {
            newest = std::move(*artifact);
        } else {
            newest_bad = FoundHead{"", "", format::parse_head_name(*name)->artifact.chain, layout.heads() + *name,
                                   base::fail(artifact.error())};
        }
    }
    std::optional<Artifact> best;
    for (auto at = found.furthest.rbegin(); at != found.furthest.rend() && !best; ++at) {
        // Of equal reach the later chain wins, which stands behind the other: it was checked against a younger server.
        auto artifact = read_wanted(store, layout, at->second, call);
        if (artifact) {
            best = std::move(*artifact);
        } else if (!newest_bad) {
            passed_over({"", "", "", layout.heads() + at->second, base::fail(artifact.error())});
        }
    }
    if (newest_bad && !best) return base::fail(newest_bad->artifact.error());
    if (newest_bad) {
        // Whatever keeps the newest backup from being read, an older one in its place would be a loss that nobody asked
        // for.
        return base::fail(newest_bad->artifact.error().wrap(
            fmt::format("what is or may be the newest backup can't be read; mend that, or name the chain to restore "
                        "(--chain), such as {}",
                        best->head.name.chain)));
    }
    if (!best || !newest) return none(layout, "");
    if (highest_of(newest->head) < highest_of(best->head)) return base::fail(two_histories(*best, *newest));
    return std::move(*best);
}

}  // namespace

Result<Artifact> choose_artifact(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                 const Call& call, const PassedOverHead& passed_over) {
    return chain.empty() ? choose_latest(store, layout, call, passed_over)
                         : choose_in_chain(store, layout, chain, std::nullopt, call);
}

Result<Artifact> choose_for_transaction(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                        std::int64_t transaction, const Call& call) {
    return choose_in_chain(store, layout, chain, transaction, call);
}

}  // namespace n4b::engine
