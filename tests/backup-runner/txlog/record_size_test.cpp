#include "backup-runner/txlog/record_size.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace n4b::txlog {
namespace {

TEST(RecordSize, IsKnownOfTheFilesThatNoSettingChanges) {
    EXPECT_EQ(record_bytes("v0.A.9", "neostore.nodestore.db"), 15);
    EXPECT_EQ(record_bytes("v0.A.9", "neostore.propertystore.db.index"), 9);
    EXPECT_FALSE(record_bytes("v0.A.9", "neostore.propertystore.db.strings")) << "blocks of any size";
    EXPECT_FALSE(record_bytes("v0.A.9", "schema/index/lucene/1/segments_1"));
    EXPECT_FALSE(record_bytes("vE.H.4", "neostore.nodestore.db")) << "another format";
}

TEST(RecordSize, FitsTheFilesOfARealStore) {
    // Neo4j 3.4.10, by record size: empty, filled, and just made.
    const std::vector<std::pair<std::int64_t, std::int64_t>> sizes{
        {0, 15}, {606060, 15}, {1648118, 41}, {685440, 34}, {8192, 25}, {8190, 5}, {8190, 9}};
    for (const auto& [bytes, record] : sizes) {
        EXPECT_TRUE(is_store_size(bytes, record)) << bytes;
    }
    EXPECT_FALSE(is_store_size(606060 + 7, 15));
    EXPECT_FALSE(is_store_size(20000, 15));
}

}  // namespace
}  // namespace n4b::txlog
