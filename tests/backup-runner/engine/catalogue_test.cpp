#include "backup-runner/engine/catalogue.hpp"

#include <gtest/gtest.h>

#include "backup-runner/engine/repository.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using format::RepositoryUse;

constexpr char kRepository[] = "neo4j-backup.json";

/// A bucket, and what a test puts there.
class RepositoryTest : public ::testing::Test {
protected:
    void write(const std::string& key, const std::string& text) {
        ASSERT_TRUE(store_.put(key, std::as_bytes(std::span(text)), {}));
    }
    base::Result<format::RepositoryFile> open(RepositoryUse use, const std::string& id = "") {
        return open_repository(store_, {.use = use, .expected_id = id, .new_id = "one"}, {});
    }
    Reason reason_of(RepositoryUse use) {
        const auto opened = open(use);
        return opened ? Reason::kCompleted : *opened.error().reason;
    }

    testing::MemoryStore store_;
};

TEST_F(RepositoryTest, IsMadeOnceAndKept) {
    EXPECT_EQ(reason_of(RepositoryUse::kRead), Reason::kStorageNotInitialized);
    EXPECT_EQ(reason_of(RepositoryUse::kWrite), Reason::kStorageNotInitialized);
    ASSERT_TRUE(open(RepositoryUse::kInitialize));
    EXPECT_EQ(open_repository(store_, {.use = RepositoryUse::kInitialize, .new_id = "two"}, {})->id, "one");
    EXPECT_EQ(open(RepositoryUse::kWrite, "one")->id, "one");
    EXPECT_EQ(open(RepositoryUse::kWrite, "other").error().reason, Reason::kStorageReplaced);
}

TEST_F(RepositoryTest, IsNotMadeBesideWhatIsSomebodyElses) {
    write("notes", "x");
    EXPECT_EQ(reason_of(RepositoryUse::kInitialize), Reason::kStorageNotInitialized);
    EXPECT_TRUE(open(RepositoryUse::kAdopt));
}

TEST_F(RepositoryTest, IsMadeWhileSomebodyLooksAtThePlace) {
    write("neo4j-backup-check-0123456789abcdef", "x");
    EXPECT_TRUE(open(RepositoryUse::kInitialize));
}

TEST_F(RepositoryTest, IsTheSameForTwoWhoMakeItAtOnce) {
    store_.on_list = [&] {
        store_.on_list = nullptr;
        write(kRepository, format::print_repository({.id = "other"}));
    };
    const auto opened = open(RepositoryUse::kInitialize);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->id, "other");
}

TEST_F(RepositoryTest, MayBeReadWhereItMayNotBeWritten) {
    write(kRepository, R"({"id": "x", "format": 1, "requiredToRead": [], "requiredToWrite": ["new"]})");
    EXPECT_EQ(reason_of(RepositoryUse::kRead), Reason::kCompleted);
    EXPECT_EQ(reason_of(RepositoryUse::kWrite), Reason::kArtifactNotSupported);
}

TEST_F(RepositoryTest, OfAnotherFormatIsRefused) {
    for (const char* format : {"0", "2"}) {
        write(kRepository,
              std::string(R"({"id": "x", "requiredToRead": [], "requiredToWrite": [], "format": )") + format + "}");
        EXPECT_EQ(reason_of(RepositoryUse::kRead), Reason::kArtifactNotSupported) << format;
        EXPECT_EQ(reason_of(RepositoryUse::kWrite), Reason::kArtifactNotSupported) << format;
    }
}

TEST_F(RepositoryTest, ThatIsDamagedIsCalledSo) {
    for (const char* text : {"not json", R"({"id": "x"})", ""}) {
        write(kRepository, text);
        EXPECT_EQ(reason_of(RepositoryUse::kRead), Reason::kArtifactDamaged) << text;
        EXPECT_EQ(reason_of(RepositoryUse::kInitialize), Reason::kArtifactDamaged) << text;
    }
    write(kRepository, std::string(20'000, ' '));
    EXPECT_EQ(reason_of(RepositoryUse::kRead), Reason::kArtifactDamaged);
}

/// A repository in which heads that can't be read stand for all others.
class WalkTest : public RepositoryTest {
protected:
    static std::string head(const std::string& database, const std::string& chain) {
        return database + "/heads/" + chain + "-000000-full-0000000000000000009-x-1.json";
    }
    std::vector<std::string> walk(const Scope& scope, std::size_t most = 100) {
        std::vector<std::string> keys;
        const auto walked = walk_heads(store_, scope,
                                       [&](const FoundHead& found) {
                                           EXPECT_EQ(found.artifact.error().reason, Reason::kArtifactDamaged);
                                           keys.push_back(found.key);
                                           return keys.size() < most;
                                       },
                                       {});
        EXPECT_TRUE(walked) << walked.error().message;
        return keys;
    }
    static constexpr char kFirst[] = "20261122T215049Z-000001";
    static constexpr char kSecond[] = "20261123T215049Z-000002";
};

TEST_F(WalkTest, TellsHeadsInOrderAndInScope) {
    const std::vector all{head("a-b/x.db", kFirst), head("a/x.db", kFirst), head("a/x.db", kSecond),
                          head("a/y.db", kFirst), head("b/y.db", kFirst)};
    for (const auto& key : all) write(key, "{");
    write("neo4j-backup.json", "{}");
    write("a/owner.json", "{}");
    write("note", "of somebody");
    write("no name/of/ours", "");
    EXPECT_EQ(walk({}), all);
    EXPECT_EQ(walk({.source = "a"}), (std::vector{all[1], all[2], all[3]}));
    EXPECT_EQ(walk({.source = "b", .database = "y.db"}), std::vector{all[4]});
    EXPECT_EQ(walk({.source = "b", .database = "none"}), std::vector<std::string>{});
    EXPECT_EQ(walk({.database = "y.db"}), (std::vector{all[3], all[4]}));
    EXPECT_EQ(walk({.chain = kSecond}), std::vector{all[2]});
    EXPECT_EQ(walk({}, 2), (std::vector{all[0], all[1]}));
}

TEST_F(WalkTest, ListsNoBlocks) {
    for (int i = 0; i < 5'000; ++i) write("a/x.db/chains/" + std::string(kFirst) + "/blocks/" + std::to_string(i), "");
    write(head("a/x.db", kFirst), "{");
    write(head("b/x.db", kFirst), "{");
    const auto before = store_.listed();
    EXPECT_EQ(walk({}).size(), 2U);
    EXPECT_LT(store_.listed() - before, 4'000) << "a bucket's listing costs time and money";
}

TEST_F(WalkTest, PassesOverClosedChains) {
    write(head("a/x.db", kFirst), "{");
    write(head("a/x.db", kSecond), "{");
    write("a/x.db/chains/" + std::string(kFirst) + "/closed.json", "{}");
    EXPECT_EQ(walk({}), std::vector{head("a/x.db", kSecond)});
    write("a/x.db/chains/" + std::string(kSecond) + "/000000-full-x-1/abandoned.json", "{}");
    EXPECT_EQ(walk({}), std::vector<std::string>{});
}

TEST_F(WalkTest, NamesThatNoRunnerKnowsAreTold) {
    write("a/x.db/heads/notes.json", "{");
    std::vector<std::string> keys;
    ASSERT_TRUE(walk_heads(store_, {},
                           [&](const FoundHead& found) {
                               EXPECT_EQ(found.artifact.error().reason, Reason::kArtifactNotSupported);
                               keys.push_back(found.key);
                               return true;
                           },
                           {}));
    EXPECT_EQ(keys, std::vector<std::string>{"a/x.db/heads/notes.json"});
}

}  // namespace
}  // namespace n4b::engine
