#include "backup-runner/engine/store_file_names.hpp"

#include <gtest/gtest.h>

namespace n4b::engine {
namespace {

TEST(StoreFileNames, TakeFilesThatCanStandBesideEachOther) {
    StoreFileNames names;
    for (const char* path : {"neostore", "index/1/a", "index/1/b", "index/10", "schema"}) {
        EXPECT_EQ(names.add(path), NameClash::kNone) << path;
    }
    EXPECT_EQ(names.add("index/1/a"), NameClash::kTaken);
    EXPECT_EQ(names.add("index"), NameClash::kTaken) << "a directory";
    EXPECT_EQ(names.add("index/1"), NameClash::kTaken);
    EXPECT_EQ(names.add("schema/x"), NameClash::kBelowAFile);
    EXPECT_EQ(names.add("index/10/y/z"), NameClash::kBelowAFile);
}

}  // namespace
}  // namespace n4b::engine
