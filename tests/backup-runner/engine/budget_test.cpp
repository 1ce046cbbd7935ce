#include "backup-runner/engine/budget.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace n4b::engine {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

TEST(Budget, GivesAllWithoutALimit) {
    for (const bool to_bucket : {false, true}) {
        const auto budget = fit(std::nullopt, {.connections = 4, .to_bucket = to_bucket});
        ASSERT_TRUE(budget);
        EXPECT_EQ(budget->connections, 4);
        EXPECT_EQ(budget->buffers.receive, 256U * 1024);
        EXPECT_EQ(budget->buffers.block, (to_bucket ? 8U : 2U) * kMiB);
        EXPECT_EQ(budget->buffers.blocks, 8U);
    }
}

TEST(Budget, TakesSmallerBlocksBeforeFewerConnectionsUnderALowLimit) {
    const auto roomy = fit(128 * kMiB, {.connections = 2, .to_bucket = true});
    EXPECT_EQ(roomy->connections, 2);
    EXPECT_EQ(roomy->buffers.block, 8U * kMiB);
    const auto narrow = fit(48 * kMiB, {.connections = 2, .to_bucket = true});
    EXPECT_EQ(narrow->connections, 2);
    EXPECT_LT(narrow->buffers.block, 8U * kMiB);
    EXPECT_LT(fit(40 * kMiB, {.connections = 8, .to_bucket = true})->connections, 8);
    EXPECT_TRUE(fit(32 * kMiB, {.connections = 1}));
}

TEST(Budget, RefusesALimitThatIsTooSmall) {
    const auto budget = fit(8 * kMiB, {.connections = 2, .compression = contract::Compression::kNone});
    ASSERT_FALSE(budget);
    EXPECT_EQ(budget.error().reason, base::Reason::kMemoryLimitTooSmall);
    EXPECT_EQ(budget.error().message,
              "the memory limit is 8 MiB, a backup with compression None to a volume needs at least 25 MiB");
}

TEST(Budget, CountsWhatConnectionsTakeThemselves) {
    const net::MemoryUse tls{.shared = 2 * kMiB, .each = kMiB};
    const Demand clear{.connections = 8, .compression = contract::Compression::kNone};
    EXPECT_EQ(fit(41 * kMiB, clear)->connections, 8);
    auto over_tls = clear;
    over_tls.network = tls;
    EXPECT_LT(fit(41 * kMiB, over_tls)->connections, 8);
    EXPECT_EQ(fit(19 * kMiB, over_tls).error().message,
              "the memory limit is 19 MiB, a backup with compression None to a volume needs at least 29 MiB");
}

TEST(RestoreBudget, TakesWhatABackupUnderTheSameLimitStored) {
    for (const bool bucket : {false, true}) {
        for (const auto limit : {32, 48, 64, 128, 256}) {
            const auto backup = fit(limit * kMiB, {.connections = 1, .to_bucket = bucket});
            if (!backup) continue;
            EXPECT_TRUE(fit_restore(limit * kMiB, static_cast<std::int64_t>(backup->buffers.block), bucket))
                << limit << " MiB, " << (bucket ? "bucket" : "volume");
        }
    }
    EXPECT_TRUE(fit_restore(std::nullopt, 64 * kMiB, true));
}

TEST(RestoreBudget, RefusesBlocksThatAreTooLarge) {
    const auto refused = fit_restore(128 * kMiB, 64 * kMiB, true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, base::Reason::kMemoryLimitTooSmall);
    EXPECT_EQ(refused.error().message,
              "the memory limit is 128 MiB, a restore of blocks of 64 MiB from a bucket needs at least 218 MiB");
}

TEST(RestoreBudget, ReadsMoreAtOnceFromABucketAsFarAsThatFits) {
    EXPECT_EQ(*fit_restore(std::nullopt, 8 * kMiB, true), 8U);
    EXPECT_EQ(*fit_restore(std::nullopt, 32 * kMiB, true), 2U);
    EXPECT_EQ(*fit_restore(std::nullopt, 8 * kMiB, false), 2U);
    EXPECT_EQ(*fit_restore(128 * kMiB, 8 * kMiB, true), 8U);
    EXPECT_EQ(*fit_restore(64 * kMiB, 8 * kMiB, true), 3U);
    EXPECT_EQ(*fit_restore(50 * kMiB, 8 * kMiB, true), 2U) << "as few as it can do with";
    EXPECT_FALSE(fit_restore(49 * kMiB, 8 * kMiB, true));
    EXPECT_EQ(*fit_restore(48 * kMiB, 2 * kMiB, true), 8U);
}

class CgroupTest : public ::testing::Test {
protected:
    CgroupTest() {
        char pattern[] = "/tmp/n4b-cgroup-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
    }
    ~CgroupTest() override { std::filesystem::remove_all(root_); }
    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text << "\n";
    }
    std::string root_;
};

TEST_F(CgroupTest, ReadsVersionTwo) {
    write("/memory.max", "67108864");
    EXPECT_EQ(cgroup_limit(root_, "0::/\n"), 64 * kMiB);
}

TEST_F(CgroupTest, ReadsVersionOneWithinAndOutsideOfItsNamespace) {
    write("/memory/memory.limit_in_bytes", "9223372036854771712");
    EXPECT_EQ(cgroup_limit(root_, "4:memory:/pod/c\n"), std::nullopt);
    write("/memory/pod/c/memory.limit_in_bytes", "33554432");
    EXPECT_EQ(cgroup_limit(root_, "5:cpu:/x\n4:memory:/pod/c\n"), 32 * kMiB);
}

TEST_F(CgroupTest, TakesMaxForNoLimit) {
    write("/memory.max", "max");
    EXPECT_EQ(cgroup_limit(root_, "0::/\n"), std::nullopt);
    EXPECT_EQ(cgroup_limit(root_ + "/missing", ""), std::nullopt);
}

}  // namespace
}  // namespace n4b::engine
