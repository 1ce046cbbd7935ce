#include "operator/app/cache_sync.hpp"

#include <gtest/gtest.h>

namespace n4b::operator_app {
namespace {

using base::ErrorCode;

TEST(CacheSync, StartsWithoutNamespacesThatAreRefusedOrGoneIfOneIsComplete) {
    const CacheState good{.scope = "good", .ready = true};
    const CacheState forbidden{.scope = "a", .last_error = ErrorCode::kPermissionDenied};
    const CacheState gone{.scope = "b", .last_error = ErrorCode::kNotFound};
    const CacheState slow{.scope = "c"};
    const CacheState failing{.scope = "d", .last_error = ErrorCode::kUnavailable};
    const CacheState half{.scope = "a", .ready = true};
    const CacheState everywhere{.last_error = ErrorCode::kPermissionDenied};
    struct Case {
        std::vector<CacheState> caches;
        bool may_start;
        std::vector<std::string> unserved;
    };
    const Case cases[] = {
        {{good}, true, {}},
        {{good, forbidden, gone}, true, {"a", "b"}},
        {{good, good, forbidden, forbidden}, true, {"a"}},
        {{good, half, forbidden}, true, {"a"}},
        {{good, slow}, false, {"c"}},
        {{good, forbidden, failing}, false, {"a", "d"}},
        {{half, forbidden}, false, {"a"}},
        {{forbidden, gone}, false, {"a", "b"}},
        {{everywhere}, false, {""}},
    };
    for (const auto& c : cases) {
        const auto sync = judge_caches(c.caches);
        EXPECT_EQ(sync.may_start, c.may_start) << "case " << &c - cases;
        EXPECT_EQ(sync.unserved, c.unserved) << "case " << &c - cases;
    }
}

TEST(CacheSync, NamesTheKindsThatWereNotListed) {
    const auto sync = judge_caches({{.kind = "Neo4jBackup", .ready = true},
                                    {.kind = "Neo4jBackupChain", .last_error = ErrorCode::kNotFound},
                                    {.kind = "Neo4jBackupChain", .scope = "b", .last_error = ErrorCode::kNotFound},
                                    {.kind = "Neo4jRestore", .last_error = ErrorCode::kPermissionDenied},
                                    {.kind = "Pod"}});
    ASSERT_EQ(sync.unlisted.size(), 3U);
    EXPECT_EQ(sync.unlisted[0],
              "Neo4jBackupChain (unknown to the API server: is its CustomResourceDefinition installed?)");
    EXPECT_EQ(sync.unlisted[1], "Neo4jRestore (forbidden: does the operator's role allow to list and watch it?)");
    EXPECT_EQ(sync.unlisted[2], "Pod");
}

}  // namespace
}  // namespace n4b::operator_app
