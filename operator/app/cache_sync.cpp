#include "operator/app/cache_sync.hpp"

#include <algorithm>
#include <set>

namespace n4b::operator_app {
namespace {

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

std::string unlisted(const CacheState& cache) {
    if (cache.last_error == base::ErrorCode::kNotFound) {
        return cache.kind + " (unknown to the API server: is its CustomResourceDefinition installed?)";
    }
    if (cache.last_error == base::ErrorCode::kPermissionDenied) {
        return cache.kind + " (forbidden: does the operator's role allow to list and watch it?)";
    }
    return cache.kind;
}

}  // namespace

CacheSync judge_caches(const std::vector<CacheState>& caches) {
    CacheSync sync{.may_start = true};
    std::set<std::string> scopes;
    for (const auto& cache : caches) {
        scopes.insert(cache.scope);
        if (cache.ready) continue;
        const bool refused =
            cache.last_error == base::ErrorCode::kPermissionDenied || cache.last_error == base::ErrorCode::kNotFound;
        if (!refused) sync.may_start = false;
        add_once(sync.unserved, cache.scope);
        add_once(sync.unlisted, unlisted(cache));
    }
    if (sync.unserved.size() >= scopes.size()) sync.may_start = false;
    return sync;
}

}  // namespace n4b::operator_app
