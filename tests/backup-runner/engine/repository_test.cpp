#include "backup-runner/engine/repository.hpp"

#include <gtest/gtest.h>

#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::MemoryStore;

TEST(Release, GivesANameUpForTheNextThatClaimsIt) {
    MemoryStore store;
    const auto layout = *format::Layout::create("prod", "graph.db");
    const format::Owner old{.cluster = "c1", .name_space = "db", .source = "prod"};
    const format::Owner mine{.cluster = "c2", .name_space = "db", .source = "prod"};
    EXPECT_FALSE(release_source(store, "prod", {})->claimed) << "nobody has it";
    ASSERT_TRUE(claim_source(store, layout, old, {}));
    ASSERT_FALSE(claim_source(store, layout, mine, {}));
    const auto released = release_source(store, "prod", {});
    ASSERT_TRUE(released);
    EXPECT_TRUE(released->claimed);
    EXPECT_EQ(released->owner, old);
    EXPECT_TRUE(claim_source(store, layout, mine, {}));
    EXPECT_EQ(claim_source(store, layout, old, {}).error().reason, Reason::kSourceNameTaken);
}

TEST(Release, TakesADamagedClaimAwayAndLeavesThatOfALaterFormat) {
    MemoryStore store;
    const auto put = [&](std::string_view text) {
        ASSERT_TRUE(store.put("prod/owner.json", std::as_bytes(std::span(text)), {}));
    };
    put("{");
    const auto released = release_source(store, "prod", {});
    ASSERT_TRUE(released) << released.error().message;
    EXPECT_TRUE(released->claimed);
    EXPECT_FALSE(released->owner);
    EXPECT_TRUE(store.objects().empty());
    put(R"({"format": 2})");
    EXPECT_EQ(release_source(store, "prod", {}).error().reason, Reason::kArtifactNotSupported);
    EXPECT_EQ(store.objects().size(), 1U);
    EXPECT_EQ(release_source(store, "../prod", {}).error().reason, Reason::kInvalidRunSpec);
}

}  // namespace
}  // namespace n4b::engine
