#include "backup-runner/app/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::runner {
namespace {

base::Result<Options> parse(std::vector<std::string> words) {
    for (const char* word : {"backup", "neo4j-backup-runner"}) words.insert(words.begin(), word);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

std::vector<std::string> with(std::vector<std::string> more) {
    std::vector<std::string> words{"--from", "a,b:6000", "--source", "s", "--database", "d", "--to", "/x"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

TEST(BackupOptions, TakeWhatIsAskedOfASource) {
    const auto options = parse(with({"--policy", "ReplicaOnly", "--max-lag", "7", "--bandwidth-limit", "100Mi"}));
    ASSERT_TRUE(options) << options.error().message;
    const auto& spec = std::get<BackupOptions>(*options).spec;
    EXPECT_EQ(spec.endpoints.size(), 2U);
    EXPECT_EQ(spec.policy, contract::SourcePolicy::kReplicaOnly);
    EXPECT_EQ(spec.max_lag, 7);
    EXPECT_EQ(spec.bandwidth_limit, 100 << 20);
    const auto plain = parse(with({}));
    EXPECT_EQ(std::get<BackupOptions>(*plain).spec.policy, contract::SourcePolicy::kPreferReplica);
    EXPECT_FALSE(std::get<BackupOptions>(*plain).spec.max_lag);
    EXPECT_EQ(std::get<BackupOptions>(*plain).spec.bandwidth_limit, 0);
}

TEST(BackupOptions, RefuseWhatIsWrong) {
    using ::testing::HasSubstr;
    EXPECT_THAT(parse(with({"--bandwidth-limit", "fast"})).error().message, HasSubstr("--bandwidth-limit: \"fast\""));
    EXPECT_THAT(parse(with({"--bandwidth-limit", "1k"})).error().message, HasSubstr("64 KiB to 1 TiB"));
    EXPECT_THAT(parse(with({"--max-lag", "-1"})).error().message, HasSubstr("maxLag: negative"));
    const auto policy = parse(with({"--policy", "Core"}));
    ASSERT_TRUE(policy);
    EXPECT_EQ(std::get<Exit>(*policy).code, 10);
}

}  // namespace
}  // namespace n4b::runner
