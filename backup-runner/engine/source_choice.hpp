#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/catchup/handshake.hpp"
#include "backup-runner/net/stream.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// What is known about one server that could be copied from.
struct Candidate {
    net::Address address{};
    std::string host{};                  ///< As it was given.
    std::string member{};                ///< Its pod, or the name that was given; empty: unknown.
    std::optional<base::Error> error{};  ///< Why it can't be used; the rest may be known all the same.
    bool tried = false;                  ///< A copy from it was begun and given up.
    bool answered = false;               ///< store_id and last_transaction are known.
    std::string store_id{};              ///< 64 hexadecimal digits.
    std::int64_t last_transaction = 0;   ///< The last it has committed.
    contract::MemberRole role = contract::MemberRole::kUnknown;
    std::optional<catchup::Family> family{};
    std::optional<net::Security> security{};  ///< Of the session in which it was asked; nothing in clear text.
};

/// What is asked of a source.
struct SourceWish {
    contract::SourcePolicy policy = contract::SourcePolicy::kPreferReplica;
    std::optional<std::int64_t> max_lag{};
    std::string store_id{};  ///< Of the last backup; empty: there is none.
    std::string earlier{};   ///< That backup in words: "prod/graph.db (chain ...)".
};

/// Which candidate is to be copied from, and why.
struct Choice {
    std::size_t candidate = 0;                   ///< Its place in the list.
    std::string why{};                           ///< One short sentence.
    std::optional<std::int64_t> newest_known{};  ///< Of all members; nothing when no second one answered.
    std::optional<std::int64_t> lag{};           ///< Behind that.
};

/// The candidate that fits the wish best: those that can't be used, are of another database, of a role that the policy
/// excludes or further behind than max_lag are left out; then read replicas come before cores (PreferReplica), then
/// the order of the list decides. Pure. Errors say why none is left: SourcesDisagree (they belong to different
/// databases, and no earlier backup tells which is meant), SourceIdentityChanged, SourceBehind, NoReadReplica, or the
/// most telling error of a candidate.
base::Result<Choice> choose(const std::vector<Candidate>& candidates, const SourceWish& wish);

/// How many transactions a candidate is behind the newest one that a member of its database has; nothing when it did
/// not answer, or no other member did. Pure.
std::optional<std::int64_t> lag_of(const Candidate& candidate, const std::vector<Candidate>& candidates);

/// The candidates that might have been used and were not, each with its reason. A core that the policy excludes is no
/// such case.
std::vector<contract::PassedOver> passed_over(const std::vector<Candidate>& candidates, const SourceWish& wish);

}  // namespace n4b::engine
