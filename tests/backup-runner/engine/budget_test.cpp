#include "backup-runner/engine/budget.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace n4b::engine {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

TEST(Budget, GivesAllWithoutALimit) {
    const auto budget = fit(std::nullopt, 4, contract::Compression::kZstd);
    ASSERT_TRUE(budget);
    EXPECT_EQ(budget->connections, 4);
    EXPECT_EQ(budget->buffers.receive, 256U * 1024);
}

TEST(Budget, TakesFewerConnectionsUnderALowLimit) {
    EXPECT_EQ(fit(64 * kMiB, 2, contract::Compression::kZstd)->connections, 2);
    EXPECT_LT(fit(24 * kMiB, 8, contract::Compression::kZstd)->connections, 8);
}

TEST(Budget, RefusesALimitThatIsTooSmall) {
    const auto budget = fit(8 * kMiB, 2, contract::Compression::kNone);
    ASSERT_FALSE(budget);
    EXPECT_EQ(budget.error().reason, base::Reason::kMemoryLimitTooSmall);
    EXPECT_EQ(budget.error().message,
              "the memory limit is 8 MiB, a backup with compression None needs at least 19 MiB");
}

TEST(Budget, CountsWhatConnectionsTakeThemselves) {
    const net::MemoryUse tls{.shared = 2 * kMiB, .each = kMiB};
    EXPECT_EQ(fit(28 * kMiB, 8, contract::Compression::kNone)->connections, 8);
    EXPECT_LT(fit(28 * kMiB, 8, contract::Compression::kNone, tls)->connections, 8);
    EXPECT_EQ(fit(19 * kMiB, 1, contract::Compression::kNone, tls).error().message,
              "the memory limit is 19 MiB, a backup with compression None needs at least 23 MiB");
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
