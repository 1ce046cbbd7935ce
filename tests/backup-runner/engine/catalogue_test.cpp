#include "backup-runner/engine/catalogue.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace n4b::engine {
namespace {

class RepositoryTest : public ::testing::Test {
protected:
    RepositoryTest() {
        char pattern[] = "/tmp/n4b-repository-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        storage_ = std::move(*storage::open_volume(root_));
    }
    ~RepositoryTest() override { std::filesystem::remove_all(root_); }
    void write(const std::string& text) { std::ofstream(root_ + "/neo4j-backup.json") << text; }

    std::string root_;
    std::unique_ptr<storage::Storage> storage_;
};

TEST_F(RepositoryTest, IsMadeOnceAndKept) {
    EXPECT_EQ(check_repository(*storage_).error().reason, base::Reason::kArtifactNotFound);
    ASSERT_TRUE(open_repository(*storage_, "one"));
    ASSERT_TRUE(open_repository(*storage_, "two"));
    EXPECT_NE(read_small(*storage_, "neo4j-backup.json", 1000)->find("\"one\""), std::string::npos);
    EXPECT_TRUE(check_repository(*storage_));
}

TEST_F(RepositoryTest, MayBeReadWhereItMayNotBeWritten) {
    write(R"({"id": "x", "format": 0, "requiredToRead": [], "requiredToWrite": ["new"]})");
    EXPECT_TRUE(check_repository(*storage_));
    EXPECT_EQ(open_repository(*storage_, "x").error().reason, base::Reason::kArtifactNotSupported);
}

TEST_F(RepositoryTest, OfALaterFormatIsRefused) {
    write(R"({"id": "x", "format": 1, "requiredToRead": [], "requiredToWrite": []})");
    EXPECT_EQ(check_repository(*storage_).error().reason, base::Reason::kArtifactNotSupported);
}

TEST_F(RepositoryTest, ThatIsDamagedIsCalledSo) {
    for (const char* text : {"not json", R"({"id": "x"})"}) {
        write(text);
        EXPECT_EQ(check_repository(*storage_).error().reason, base::Reason::kArtifactDamaged) << text;
        EXPECT_EQ(open_repository(*storage_, "x").error().reason, base::Reason::kArtifactDamaged) << text;
    }
}

TEST_F(RepositoryTest, IgnoresFilesOfOthers) {
    ASSERT_TRUE(open_repository(*storage_, "one"));
    std::filesystem::create_directories(root_ + "/lost+found");
    std::filesystem::create_directories(root_ + "/prod/graph.db/20261122T215049Z-3f9c21/heads");
    std::ofstream(root_ + "/prod/graph.db/20261122T215049Z-3f9c21/heads/.0-full-x-1") << "{";
    std::ofstream(root_ + "/prod/graph.db/20261122T215049Z-3f9c21/heads/notes.json") << "{";
    EXPECT_EQ(list_chains(*storage_, "prod", "graph.db")->size(), 1U);
    EXPECT_FALSE(newest_artifact(*storage_, "prod", "graph.db").value().has_value());
    const auto databases = list_databases(*storage_);
    ASSERT_EQ(databases->size(), 1U);
    EXPECT_EQ(databases->front().source, "prod");
}

}  // namespace
}  // namespace n4b::engine
