#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/error.hpp"

namespace n4b::operator_app {

/// How one list of one namespace stands.
struct CacheState {
    std::string kind{};   ///< "Neo4jBackup"
    std::string scope{};  ///< The namespace; empty: all of them.
    bool ready = false;
    std::optional<base::ErrorCode> last_error{};  ///< Of its last list that failed.
};

struct CacheSync {
    bool may_start = false;
    std::vector<std::string> unserved{};  ///< The namespaces that are not served, in the order they came.
    /// The kinds that were not listed, each once and with what may be amiss.
    std::vector<std::string> unlisted{};
};

/// Whether the operator may start with the caches as they are once its patience has ended: it may when each namespace
/// is complete or was refused (403) or is not there (404), which may last for ever, and at least one is complete.
/// Anything else, an API server that fails or is slow, is no reason to start with half of what there is. Pure.
CacheSync judge_caches(const std::vector<CacheState>& caches);

}  // namespace n4b::operator_app
