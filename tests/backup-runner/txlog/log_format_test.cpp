#include "backup-runner/txlog/log_format.hpp"

#include <gtest/gtest.h>

#include "backup-runner/txlog/neostore.hpp"
#include "common/base/hex.hpp"
#include "tests/support/bytes.hpp"

namespace n4b::txlog {
namespace {

using testing::from_hex;

TEST(LogHeader, IsFormatSixWithVersionAndLastTransaction) {
    // transaction-log format: the example of version 3 after transaction 1997.
    EXPECT_EQ(base::to_hex(log_header(3, 1997)), "060000000000000300000000000007cd");
}

TEST(CheckPoint, PointsToVersionAndOffset) {
    EXPECT_EQ(base::to_hex(check_point(7, 16)), "f60700000000000000070000000000000010");
}

TEST(Commit, GivesIdAndTime) {
    const auto commit = parse_commit(from_hex("f605000000000000002a000001a2036e773d"));
    ASSERT_TRUE(commit);
    EXPECT_EQ(*commit, (Commit{.transaction = 42, .time_ms = 0x1a2036e773d}));
}

TEST(Commit, RefusesOtherEntriesVersionsAndLengths) {
    EXPECT_FALSE(parse_commit(from_hex("f607000000000000002a000001a2036e773d")));
    EXPECT_FALSE(parse_commit(from_hex("f705000000000000002a000001a2036e773d")));
    EXPECT_FALSE(parse_commit(from_hex("f605")));
    EXPECT_FALSE(parse_commit({}));
}

TEST(TransactionChecksum, FollowsJavaArithmetic) {
    // masterId -1, authorId -1: -1 * 37 - 1 = -38; header 00..01: 31^8 + 1 after the leading one, modulo 2^32.
    const auto start = from_hex("f601ffffffffffffffff000001a2036e773d0000000000000001000000080000000000000001f605");
    const auto checksum = transaction_checksum(start, 56);
    ASSERT_TRUE(checksum);
    EXPECT_EQ(*checksum >> 32, -38);
    std::uint32_t power = 1;
    for (int i = 0; i < 8; ++i) power *= 31;
    EXPECT_EQ(static_cast<std::uint32_t>(*checksum), power + 1);
}

TEST(TransactionChecksum, RefusesAHeaderThatIsNotThere) {
    EXPECT_FALSE(transaction_checksum(from_hex("f601ffffffffffffffff000001a2036e773d00000000000000010000000800"), 56));
    EXPECT_FALSE(transaction_checksum(from_hex("f601ffffffffffffffff000001a2036e773d0000000000000001ffffffff"), 56));
    EXPECT_FALSE(transaction_checksum(from_hex("f601"), 56));
    EXPECT_FALSE(transaction_checksum({}, 0));
}

std::vector<std::byte> neostore() {
    std::vector<std::byte> file(kNeostoreMinBytes);
    for (std::size_t i = 0; i < file.size(); i += 9) file[i] = std::byte{1};
    set(file, NeostoreField::kStoreVersion, 16094931155187206);
    set(file, NeostoreField::kRandom, -2);
    set(file, NeostoreField::kLastTransaction, 1);
    return file;
}

TEST(Neostore, ReadsAndPatchesItsRecords) {
    auto file = neostore();
    ASSERT_TRUE(check_neostore(file));
    EXPECT_EQ(store_version_of(file), "v0.A.9");
    set(file, NeostoreField::kLastTransaction, 77);
    EXPECT_EQ(get(file, NeostoreField::kLastTransaction), 77);
    EXPECT_EQ(file[27], std::byte{1});
    EXPECT_EQ(file[35], std::byte{77});
    EXPECT_EQ(store_id_of(file).random, -2);
}

TEST(Neostore, RefusesShortFilesAndUnusedRecords) {
    auto file = neostore();
    file.pop_back();
    EXPECT_FALSE(check_neostore(file));
    file = neostore();
    file[18] = std::byte{0};
    EXPECT_FALSE(check_neostore(file));
}

TEST(StoreId, SurvivesItsTextForm) {
    const StoreId id{.creation_time = 1, .random = -1, .upgrade_time = INT64_MIN, .upgrade_transaction = INT64_MAX};
    EXPECT_EQ(parse_store_id(to_string(id)).value(), id);
    EXPECT_FALSE(parse_store_id("00"));
    EXPECT_FALSE(parse_store_id(std::string(64, 'G')));
}

}  // namespace
}  // namespace n4b::txlog
