#include "backup-runner/archive/names.hpp"

#include <gtest/gtest.h>

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

TEST(FilePath, TakesEveryNameThatAFileSystemHolds) {
    EXPECT_EQ(file_path("index\\lucene").value(), "index/lucene");
    EXPECT_EQ(file_path("v1..v2").value(), "v1..v2");
    const std::string chinese = "\xE4\xB8\x80";
    std::string longest;
    while (longest.size() + chinese.size() <= 255) longest += chinese;
    for (const auto& name : {std::string(255, 'a'), std::string(84, ' '), longest}) {
        EXPECT_EQ(file_path("index/" + name + "/segments_1").value(), "index/" + name + "/segments_1");
    }
    EXPECT_FALSE(file_path(std::string(256, 'a')));
}

TEST(FilePath, RefusesWhatLeavesTheDirectory) {
    for (const char* bad : {"", "/a", "a/", "..", "../a", "a/../b", "a/./b", "a//b", "a\nb", "C:\\..\\x"}) {
        EXPECT_FALSE(file_path(bad)) << bad;
    }
    EXPECT_FALSE(file_path("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"));
}

}  // namespace
}  // namespace n4b::archive
