#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "operator/jobs/run.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/store.hpp"

/// What the controllers of kinds have in common whose objects are one run each.
namespace n4b::kinds {

/// "Succeeded", "Failed" or "Skipped", as metrics count runs.
std::string result_of(const run::Verdict& verdict);

/// Ends the run of an object that nobody can read and that has not begun, so that its user sees why in its conditions.
/// `plural`: of its kind, such as "neo4jbackups".
base::Result<void> refuse(kube::Client& client, const base::Clock& clock, const std::string& plural,
                          const kube::Unreadable& object);

/// An object that goes some time after its run has ended.
struct Expiry {
    const api::Meta& meta;
    std::string path{};
    std::optional<base::SystemTime> completed{};
    std::optional<std::chrono::milliseconds> ttl{};  ///< Nothing: it stays.
};
/// Deletes the object when its time is over. What the run made stays. Returns when to look again: then, or at
/// `requeue`.
base::Result<jobs::Requeue> expire(kube::Client& client, const base::Clock& clock, const Expiry& expiry,
                                   jobs::Requeue requeue);

}  // namespace n4b::kinds
