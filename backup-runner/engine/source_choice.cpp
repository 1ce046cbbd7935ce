#include "backup-runner/engine/source_choice.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using contract::MemberRole;
using contract::SourcePolicy;

bool is_v6(const net::Address& address) {
    return address.ip.find(':') != std::string::npos;
}

/// Whether two answers may come from one server, which then says nothing about how far it is behind others: one address
/// (under two ports or names), one pod, or a name's addresses in both families. Two addresses of one family behind a
/// name are two servers, such as the pods of a headless Service.
bool may_be_one_member(const Candidate& a, const Candidate& b) {
    if (a.address.ip == b.address.ip) return true;
    if (a.member.empty() || a.member != b.member) return false;
    // A member that is not the host as it was given is a pod.
    const bool pod = a.member != a.host && b.member != b.host;
    return pod || is_v6(a.address) != is_v6(b.address);
}

/// The newest transaction that anybody has; nothing when fewer than two members answered.
std::optional<std::int64_t> newest_known(const std::vector<Candidate>& candidates, const std::string& store_id) {
    std::int64_t newest = 0;
    bool two_members = false;
    std::vector<const Candidate*> answers;
    for (const auto& candidate : candidates) {
        if (!candidate.answered || candidate.store_id != store_id) continue;
        newest = std::max(newest, candidate.last_transaction);
        two_members = two_members || std::any_of(answers.begin(), answers.end(), [&](const Candidate* other) {
                          return !may_be_one_member(candidate, *other);
                      });
        answers.push_back(&candidate);
    }
    return two_members ? std::optional(newest) : std::nullopt;
}

/// The store id that is meant: that of the earlier backup, else the one that all agree on.
Result<std::string> expected_store(const std::vector<Candidate>& candidates, const SourceWish& wish) {
    if (!wish.store_id.empty()) return wish.store_id;
    const Candidate* first = nullptr;
    for (const auto& candidate : candidates) {
        if (!candidate.answered) continue;
        if (first == nullptr) first = &candidate;
        if (candidate.store_id == first->store_id) continue;
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kSourcesDisagree,
                          fmt::format("{} has store id {}, but {} has {}: they belong to different databases, and no "
                                      "earlier backup tells which is meant; name members of one cluster only",
                                      net::to_string(first->address), first->store_id,
                                      net::to_string(candidate.address), candidate.store_id));
    }
    return first == nullptr ? std::string() : first->store_id;
}

/// Why a candidate can't be the source, its role apart.
std::optional<base::Error> obstacle(const Candidate& candidate, const std::string& store_id,
                                    std::optional<std::int64_t> newest, const SourceWish& wish) {
    if (candidate.error) return candidate.error;
    if (candidate.store_id != store_id) {
        return base::Error{.code = ErrorCode::kFailedPrecondition,
                           .message = fmt::format("the source has store id {}, but the last backup of {} is of {}: "
                                                  "this is another database; give it another source name",
                                                  candidate.store_id, wish.earlier, store_id),
                           .reason = Reason::kSourceIdentityChanged};
    }
    if (!wish.max_lag || !newest || *newest - candidate.last_transaction <= *wish.max_lag) return std::nullopt;
    return base::Error{
        .code = ErrorCode::kUnavailable,
        .message = fmt::format("{} is {} transactions behind the newest known member ({} of {}), maxLag is {}",
                               net::to_string(candidate.address), *newest - candidate.last_transaction,
                               candidate.last_transaction, *newest, *wish.max_lag),
        .reason = Reason::kSourceBehind};
}

/// Places below 0 are excluded; the least is best.
int place(MemberRole role, SourcePolicy policy) {
    switch (policy) {
        case SourcePolicy::kAny:
            return 0;
        case SourcePolicy::kReplicaOnly:
            return role == MemberRole::kReadReplica ? 0 : -1;
        case SourcePolicy::kPreferReplica:
            // One that may be a replica is better than one that is none.
            return role == MemberRole::kReadReplica ? 0 : role == MemberRole::kUnknown ? 1 : 2;
    }
    return 0;
}

/// How much an error tells, when nobody can be used: a copy that broke says more than a server that answers wrongly,
/// that more than one that does not answer, and that more than an unknown name.
int weight(const Candidate& candidate) {
    const auto reason = candidate.error->reason;
    // That the log was pruned says more than that another one lags: it is worth a full.
    if (candidate.tried) return reason == Reason::kSourceLogPruned ? 4 : 3;
    if (reason == Reason::kSourceNameNotResolved) return 0;
    return reason == Reason::kSourceUnreachable ? 1 : 2;
}

const base::Error* most_telling(const std::vector<Candidate>& candidates) {
    const Candidate* best = nullptr;
    for (const auto& candidate : candidates) {
        if (candidate.error && (best == nullptr || weight(candidate) > weight(*best))) best = &candidate;
    }
    return best == nullptr ? nullptr : &*best->error;
}

/// Those that are no answer to the wish for a replica.
struct Counts {
    int failed = 0;
    int behind = 0;
    int foreign = 0;
};

std::string to_string(const Counts& counts) {
    std::string text;
    const auto add = [&](int count, std::string_view what) {
        if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
    };
    add(counts.failed, "failed");
    add(counts.behind, "too far behind");
    add(counts.foreign, "of another database");
    return text;
}

Counts count(const std::vector<Candidate>& candidates, const std::string& store_id, std::optional<std::int64_t> newest,
             const SourceWish& wish) {
    Counts counts;
    for (const auto& candidate : candidates) {
        const auto error = obstacle(candidate, store_id, newest, wish);
        // A core that failed says nothing about replicas.
        if (!error || candidate.role == MemberRole::kCore) continue;
        if (candidate.error) {
            ++counts.failed;
        } else {
            ++(error->reason == Reason::kSourceBehind ? counts.behind : counts.foreign);
        }
    }
    return counts;
}

std::string why(MemberRole role, SourcePolicy policy, const Counts& counts) {
    if (policy == SourcePolicy::kAny) return "the first in order that can be used";
    if (role == MemberRole::kReadReplica) return "the first read replica in order that can be used";
    const auto others = to_string(counts);
    return fmt::format(
        "{}: {}{}", role == MemberRole::kCore ? "a core" : "a member whose role is unknown",
        others.empty() ? "no other server is a read replica" : "no read replica can be used, other servers: ", others);
}

/// Why nobody is left.
base::Error refusal(const std::vector<Candidate>& candidates, const std::string& store_id,
                    std::optional<std::int64_t> newest, const SourceWish& wish) {
    const auto* telling = most_telling(candidates);
    if (std::any_of(candidates.begin(), candidates.end(), [](const auto& c) { return c.tried; })) return *telling;
    std::optional<base::Error> foreign;
    for (const auto& candidate : candidates) {
        auto error = obstacle(candidate, store_id, newest, wish);
        if (candidate.error || !error) continue;
        if (error->reason == Reason::kSourceBehind && place(candidate.role, wish.policy) >= 0) return *error;
        if (error->reason == Reason::kSourceIdentityChanged && !foreign) foreign = std::move(error);
    }
    const auto answered = [&](MemberRole role) {
        return std::count_if(candidates.begin(), candidates.end(), [&](const auto& c) {
            return !c.error && c.store_id == store_id && c.role == role && place(role, wish.policy) < 0;
        });
    };
    const auto cores = answered(MemberRole::kCore);
    const auto unknown = answered(MemberRole::kUnknown);
    if (cores + unknown > 0) {
        return {.code = ErrorCode::kUnavailable,
                .message = fmt::format("policy is ReplicaOnly and no read replica can be used; servers: {}, of them "
                                       "cores: {}, of unknown role: {}{}{}",
                                       candidates.size(), cores, unknown, telling == nullptr ? "" : "; ",
                                       telling == nullptr ? "" : telling->message),
                .reason = Reason::kNoReadReplica};
    }
    if (foreign) return *foreign;
    if (telling != nullptr) return *telling;
    return {.code = ErrorCode::kInvalid, .message = "no endpoint was given", .reason = Reason::kInvalidRunSpec};
}

}  // namespace

Result<Choice> choose(const std::vector<Candidate>& candidates, const SourceWish& wish) {
    N4B_TRY(const auto store_id, expected_store(candidates, wish));
    const auto newest = newest_known(candidates, store_id);
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (obstacle(candidates[i], store_id, newest, wish)) continue;
        const int own = place(candidates[i].role, wish.policy);
        if (own >= 0 && (!best || own < place(candidates[*best].role, wish.policy))) best = i;
    }
    if (!best) return base::fail(refusal(candidates, store_id, newest, wish));
    const auto& chosen = candidates[*best];
    return Choice{.candidate = *best,
                  .why = why(chosen.role, wish.policy, count(candidates, store_id, newest, wish)),
                  .newest_known = newest,
                  .lag = newest ? std::optional(*newest - chosen.last_transaction) : std::nullopt};
}

std::optional<std::int64_t> lag_of(const Candidate& candidate, const std::vector<Candidate>& candidates) {
    if (!candidate.answered) return std::nullopt;
    const auto newest = newest_known(candidates, candidate.store_id);
    return newest ? std::optional(*newest - candidate.last_transaction) : std::nullopt;
}

std::vector<contract::PassedOver> passed_over(const std::vector<Candidate>& candidates, const SourceWish& wish) {
    const auto store_id = expected_store(candidates, wish);
    std::vector<contract::PassedOver> list;
    for (const auto& candidate : candidates) {
        auto error = candidate.error;
        if (!error && store_id) error = obstacle(candidate, *store_id, newest_known(candidates, *store_id), wish);
        if (!error) continue;
        list.push_back({.address = net::to_string(candidate.address),
                        .member = candidate.member,
                        .reason = error->reason.value_or(Reason::kInternalError),
                        .message = error->message});
    }
    return list;
}

}  // namespace n4b::engine
