#include "operator/app/cache_sync.hpp"

#include <algorithm>
#include <set>

namespace n4b::operator_app {

CacheSync judge_caches(const std::vector<CacheState>& caches) {
    CacheSync sync{.may_start = true};
    std::set<std::string> scopes;
    for (const auto& cache : caches) {
        scopes.insert(cache.scope);
        if (cache.ready) continue;
        const bool refused =
            cache.last_error == base::ErrorCode::kPermissionDenied || cache.last_error == base::ErrorCode::kNotFound;
        if (!refused) sync.may_start = false;
        if (std::find(sync.unserved.begin(), sync.unserved.end(), cache.scope) == sync.unserved.end()) {
            sync.unserved.push_back(cache.scope);
        }
    }
    if (sync.unserved.size() >= scopes.size()) sync.may_start = false;
    return sync;
}

}  // namespace n4b::operator_app
