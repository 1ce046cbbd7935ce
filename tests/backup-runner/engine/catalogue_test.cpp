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
    EXPECT_FALSE(newest_artifact(*storage_, "prod", "graph.db").value().has_value());
    EXPECT_TRUE(walk_heads(*storage_, {}, Order::kOldestFirst, [](const FoundHead& head) {
        ADD_FAILURE() << head.key;
        return true;
    }));
}

/// A storage, read only, one of whose directories can't be listed.
class UnlistableStorage final : public storage::Storage {
public:
    UnlistableStorage(storage::Storage& inner, std::string broken) : inner_(inner), broken_(std::move(broken)) {}

    base::Result<void> list(std::string_view key, const std::function<bool(const storage::Entry&)>& take) override {
        return key == broken_ ? base::Result<void>(failure()) : inner_.list(key, take);
    }
    base::Result<std::unique_ptr<storage::Reader>> open(std::string_view key) override { return inner_.open(key); }
    base::Result<bool> exists(std::string_view key) override { return inner_.exists(key); }
    base::Result<void> make_directories(std::string_view) override { return failure(); }
    base::Result<std::unique_ptr<storage::Writer>> create(std::string_view) override { return failure(); }
    base::Result<void> publish(std::string_view, std::string_view) override { return failure(); }
    base::Result<void> replace_directory(std::string_view, std::string_view) override { return failure(); }
    base::Result<void> sync_directory(std::string_view) override { return failure(); }
    base::Result<void> remove(std::string_view) override { return failure(); }

private:
    static tl::unexpected<base::Error> failure() {
        return base::fail(base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable, "input/output error");
    }
    storage::Storage& inner_;
    const std::string broken_;
};

/// A repository of some directories, in which heads that can't be read stand for all others.
class WalkTest : public RepositoryTest {
protected:
    void head(const std::string& chain, int sequence) {
        const auto heads = root_ + "/" + chain + "/heads";
        std::filesystem::create_directories(heads);
        std::ofstream(heads + "/" + std::to_string(sequence) + "-full-x-1.json") << "{";
    }
    std::vector<std::string> walk(const Scope& scope, Order order, std::size_t most = 100) {
        std::vector<std::string> keys;
        const auto walked = walk_heads(*storage_, scope, order, [&](const FoundHead& found) {
            keys.push_back(found.key);
            return keys.size() < most;
        });
        EXPECT_TRUE(walked) << walked.error().message;
        return keys;
    }
    static constexpr char kFirst[] = "a/x.db/20261122T215049Z-000001";
    static constexpr char kSecond[] = "a/x.db/20261123T215049Z-000002";
    static constexpr char kOther[] = "b/y.db/20261122T215049Z-000003";
};

TEST_F(WalkTest, TellsHeadsInOrderAndInScope) {
    head(kFirst, 0);
    head(kFirst, 10);
    head(kFirst, 2);
    head(kSecond, 0);
    head(kOther, 0);
    const auto key = [](const std::string& chain, int sequence) {
        return chain + "/heads/" + std::to_string(sequence) + "-full-x-1.json";
    };
    const std::vector all{key(kFirst, 0), key(kFirst, 2), key(kFirst, 10), key(kSecond, 0), key(kOther, 0)};
    EXPECT_EQ(walk({}, Order::kOldestFirst), all);
    EXPECT_EQ(walk({.source = "a"}, Order::kNewestFirst),
              (std::vector{key(kSecond, 0), key(kFirst, 10), key(kFirst, 2), key(kFirst, 0)}));
    EXPECT_EQ(walk({.source = "b", .database = "y.db"}, Order::kOldestFirst), std::vector{key(kOther, 0)});
    EXPECT_EQ(walk({.chain = "20261123T215049Z-000002"}, Order::kOldestFirst), std::vector{key(kSecond, 0)});
    EXPECT_EQ(walk({}, Order::kNewestFirst, 2), (std::vector{key(kSecond, 0), key(kFirst, 10)}));
}

TEST_F(WalkTest, GoesOnAfterADirectoryThatCannotBeListed) {
    head(kFirst, 0);
    head(kOther, 0);
    for (const std::string broken : {"a", "a/x.db", "a/x.db/20261122T215049Z-000001/heads"}) {
        UnlistableStorage storage(*storage_, broken);
        std::vector<std::string> keys;
        ASSERT_TRUE(walk_heads(storage, {}, Order::kOldestFirst, [&](const FoundHead& found) {
            keys.push_back(found.key);
            EXPECT_EQ(found.artifact.error().reason,
                      found.key == broken ? base::Reason::kStorageUnavailable : base::Reason::kArtifactDamaged);
            return true;
        }));
        EXPECT_EQ(keys, (std::vector{broken, std::string(kOther) + "/heads/0-full-x-1.json"}));
    }
}

}  // namespace
}  // namespace n4b::engine
