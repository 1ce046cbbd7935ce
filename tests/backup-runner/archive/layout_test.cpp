#include "backup-runner/archive/layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace n4b::archive {
namespace {

TEST(ChainName, IsTimeAndRandomDigits) {
    const auto name = chain_name(base::SystemTime(std::chrono::milliseconds(1795384249000)), 0xAB3F9C21);
    EXPECT_TRUE(is_chain_name(name)) << name;
    EXPECT_EQ(name.substr(15), "Z-3f9c21");
    for (const char* bad : {"", "heads", "20261122T215049Z", "20261122T215049Z-3F9C21", "20261122T215049Z-3f9c2",
                            "2026-122T215049Z-3f9c21", "20261122T215049Z-3f9c21x"}) {
        EXPECT_FALSE(is_chain_name(bad)) << bad;
    }
}

TEST(ArtifactName, SurvivesItsTextForm) {
    const ArtifactName name{.sequence = 3, .kind = "full", .run_uid = "0b3c-11-22", .attempt = 12};
    EXPECT_EQ(parse_artifact_name(to_string(name)), name);
    for (const char* bad : {"", "0", "0-full", "0-full-u", "x-full-u-1", "0-half-u-1", "00-full-u-1", "0-full-u-01",
                            "0-full--1", "-1-full-u-1"}) {
        EXPECT_EQ(parse_artifact_name(bad), std::nullopt) << bad;
    }
}

TEST(FileKey, EscapesWhatABackendMayRefuse) {
    EXPECT_EQ(file_key("neostore.nodestore.db").value(), "neostore.nodestore.db");
    EXPECT_EQ(file_key("index\\lucene\\node\\a b").value(), "index/lucene/node/a%20b");
    EXPECT_EQ(file_key(".hidden").value(), "%2Ehidden");
    EXPECT_EQ(file_key("caf\xc3\xa9").value(), "caf%C3%A9");
    EXPECT_EQ(file_path("index\\lucene").value(), "index/lucene");
    EXPECT_EQ(file_key("v1..v2").value(), "v1..v2");
}

TEST(FileKey, HoldsEveryNameThatAFileSystemHolds) {
    const std::string chinese = "\xE4\xB8\x80";
    std::string longest;
    while (longest.size() + chinese.size() <= 255) longest += chinese;
    for (const auto& name : {std::string(251, 'a'), std::string(255, 'a'), std::string(84, ' '), longest}) {
        const auto key = file_key("index/" + name + "/segments_1");
        ASSERT_TRUE(key) << key.error().message;
        for (std::size_t at = 0; at < key->size(); at = key->find('/', at) + 1) {
            EXPECT_LE(std::min(key->find('/', at), key->size()) - at, 251U) << "with .zst, what a file system takes";
            if (key->find('/', at) == std::string::npos) break;
        }
        EXPECT_EQ(file_path(name).value(), name);
    }
    EXPECT_NE(file_key(std::string(252, 'a')).value(), file_key(std::string(253, 'a')).value());
    EXPECT_FALSE(file_key(std::string(256, 'a'))) << "no file system of ours restores it";
    EXPECT_FALSE(file_path(std::string(256, 'a')));
}

TEST(FileKey, RefusesWhatLeavesTheDirectory) {
    for (const char* bad : {"", "/a", "a/", "..", "../a", "a/../b", "a/./b", "a//b", "a\nb", "C:\\..\\x"}) {
        EXPECT_FALSE(file_key(bad)) << bad;
        EXPECT_FALSE(file_path(bad)) << bad;
    }
    EXPECT_FALSE(file_key("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"));
}

}  // namespace
}  // namespace n4b::archive
