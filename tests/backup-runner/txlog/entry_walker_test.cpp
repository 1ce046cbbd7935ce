#include "backup-runner/txlog/entry_walker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bytes.hpp"
#include "tests/support/log_entries.hpp"

namespace n4b::txlog {
namespace {

using testing::command;
using testing::dynamic_records;
using testing::from_hex;
using ::testing::HasSubstr;
using testing::log_transaction;
using testing::LogBytes;
using Bytes = std::vector<std::byte>;

/// In pieces of that many bytes.
base::Result<WalkedTransaction> walk(const Bytes& bytes, std::size_t piece) {
    EntryWalker walker;
    walker.begin(static_cast<std::int64_t>(bytes.size()));
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto taken = walker.take(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
        if (!taken) return base::fail(taken.error());
    }
    return walker.end();
}

/// However it is cut.
void expect_walked(const Bytes& bytes, std::int64_t id) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
        const auto walked = walk(bytes, piece);
        ASSERT_TRUE(walked) << walked.error().message;
        EXPECT_EQ(walked->commit.transaction, id);
        EXPECT_EQ(walked->checksum, transaction_checksum(bytes, bytes.size()).value());
        EXPECT_FALSE(walked->unknown_command);
    }
}

std::string refusal(const Bytes& bytes) {
    const auto walked = walk(bytes, 5);
    EXPECT_FALSE(walked);
    return walked ? "" : walked.error().message;
}

/// One of each type, and of each form it may have: transaction log, section 9.
std::vector<std::pair<std::string, LogBytes>> all_commands() {
    const auto node = [](int flags) { return LogBytes().i8(flags).i8(0).i64(1).i64(2).i64(3); };
    const auto relationship = [](int flags) { return LogBytes().i8(flags).raw(61); };
    const auto property = [] { return LogBytes().i8(1).i64(-1).i64(-1).i64(7); };
    const auto header = [](int first, int second) { return LogBytes().i8(first).i8(second).i16(4).i16(5); };
    return {
        {"node made", command(1, LogBytes().i64(9).i8(0).i32(0).append(node(3)).append(dynamic_records({16, 0})))},
        {"node deleted", command(1, LogBytes().i64(9).append(node(1)).i32(0).i8(0).append(dynamic_records({8})))},
        {"property with a long text", command(2, LogBytes()
                                                     .i64(5)
                                                     .append(property())
                                                     .i8(0)
                                                     .i32(0)
                                                     .append(property())
                                                     .i8(2)
                                                     .i8(8)
                                                     .raw(8)
                                                     .append(dynamic_records({120, 120, 3}))
                                                     .i8(32)
                                                     .raw(32)
                                                     .i32(0)
                                                     .append(dynamic_records({60})))},
        {"relationship made", command(3, LogBytes().i64(1).i8(0).i32(2).append(relationship(3)))},
        {"relationship deleted", command(3, LogBytes().i64(1).append(relationship(1)).i8(0).i32(2))},
        {"relationship type",
         command(4, LogBytes().i32(1).i8(0).i32(0).i32(0).i8(1).i32(3).append(dynamic_records({30})))},
        {"property key",
         command(5, LogBytes().i32(1).i8(0).i32(0).i32(0).i32(0).i8(1).i32(0).i32(3).append(dynamic_records({30})))},
        {"graph property", command(6, LogBytes().i64(1).i64(2))},
        {"schema rule", command(7, dynamic_records({}).append(dynamic_records({56, 4})).i8(1))},
        {"label", command(8, LogBytes().i32(1).i8(0).i32(0).i32(0).i8(1).i32(3).append(dynamic_records({30})))},
        {"relationship group", command(9, LogBytes().i64(1).i8(0).i16(1).raw(40).i8(1).i16(1).raw(40))},
        {"index define", command(10, header(0, 0).i16(2).i16(3).raw(3).i16(1).i16(0).i16(2).i16(0))},
        {"index add node, text", command(11, header(6 << 2, 0).i32(8).i16(3).i8(0).raw(3))},
        {"index add node, long id and long text",
         command(11, header((6 << 2) | 1, 0).i64(8).i16(1).i8(1).raw(0x10001))},
        {"index add relationship", command(12, header((5 << 2) | 2, 0xC0).i32(8).i64(1).i64(2).i64(3))},
        {"index add relationship, short ids", command(12, header((1 << 2) | 2, 0).i32(8).i16(1).i32(2).i32(3))},
        {"index remove, any value", command(13, header(0, 0).i32(8))},
        {"index delete", command(14, header(0, 0))},
        {"index create", command(15, header(0, 0).i16(2).i16(1).raw(1).i16(2).raw(2).i16(0).i16(5).raw(5))},
        {"relationship counts", command(16, LogBytes().i32(1).i32(2).i32(3).i64(-1))},
        {"node counts", command(17, LogBytes().i32(1).i64(-1))},
    };
}

TEST(EntryWalker, WalksEveryKindOfCommand) {
    for (const auto& [what, bytes] : all_commands()) {
        SCOPED_TRACE(what);
        // Behind it another one, so that its end is looked at.
        expect_walked(log_transaction(42, {bytes, command(17, LogBytes().i32(1).i64(2))}), 42);
        expect_walked(log_transaction(42, {bytes}), 42);
    }
    expect_walked(log_transaction(7, {}), 7);
}

TEST(EntryWalker, FindsACommandThatIsAByteTooLongOrTooShort) {
    for (const auto& [what, bytes] : all_commands()) {
        SCOPED_TRACE(what);
        // Of the graph's own properties nobody is sure.
        if (what == "graph property") continue;
        EXPECT_FALSE(walk(log_transaction(42, {LogBytes(bytes).raw(1), command(17, LogBytes().i32(1).i64(2))}), 4096));
    }
}

TEST(EntryWalker, WalksWhatARealServerWrote) {
    // Neo4j 3.4.10, a cluster: nothing at all, a property key, a label, a schema rule, a relationship type.
    for (const auto* const hex :
         {"f601ffffffffffffffffffffffffffffffff000000000000000100000008fffffffffffffffff6050000000000000002ffffffff"
          "ffffffff",
          "f601000000000000000000000000000000000000000000000000000000080000000000000007f60305000000000000000000ffff"
          "ffff00000000010000000000000001000000010000000000000001ffffffff0300000002ffffffffffffffff6964f60500000000"
          "000000040000000000000000",
          "f60100000000000000000000000000000000000000000000000000000008000000000000000ff603080000000100ffffffff0000"
          "00000100000002000000010000000000000002ffffffff0300000005ffffffffffffffff4f74686572f605000000000000000900"
          "00000000000000",
          "f601ffffffffffffffff000001a21d5bf8b7000000000000000200000008000000000000000af603070000000100000000000000"
          "01ffffffff0300000034ffffffffffffffffffffffff0b0000000d6c7563656e652b6e617469766500000003322e301f5b000000"
          "0000010000000000000007696e6465785f31000000010000000000000001ffffffff0300000034ffffffffffffffffffffffff0b"
          "0000000d6c7563656e652b6e617469766500000003322e301f5b0000000000010000000000000007696e6465785f3101f6050000"
          "000000000005000001a21d5bfc08",
          "f60100000000000000000000000000000000000000000000000000000008000000000000001cf603040000000000ffffffff0000"
          "00000100000001000000010000000000000001ffffffff0300000002ffffffffffffffff5231f605000000000000001400000000"
          "00000000"}) {
        const auto bytes = from_hex(hex);
        const auto walked = walk(bytes, 3);
        ASSERT_TRUE(walked) << walked.error().message;
        EXPECT_FALSE(walked->unknown_command);
    }
}

TEST(EntryWalker, PassesOverACommandOfUnknownTypeAndStillLooksAtTheEnd) {
    const auto counts = command(17, LogBytes().i32(1).i64(2));
    for (const int type : {0, 18, 42, 127}) {
        auto bytes = log_transaction(42, {counts, command(type, LogBytes().raw(100)), counts});
        const auto walked = walk(bytes, 9);
        ASSERT_TRUE(walked) << walked.error().message;
        EXPECT_EQ(walked->unknown_command, type);
        EXPECT_EQ(walked->commit.transaction, 42);
        bytes[bytes.size() - kCommitBytes] ^= std::byte{1};
        EXPECT_THAT(refusal(bytes), HasSubstr("expected a commit entry"));
    }
}

TEST(EntryWalker, IsNotSureOfWhatWasNeverSeenOnALiveServer) {
    const auto counts = command(17, LogBytes().i32(1).i64(2));
    // A graph property that is longer than is thought, and a record with a secondary unit that is not where it is
    // thought to be.
    const auto graph = command(6, LogBytes().i64(1).i64(2).raw(3));
    const auto unit = command(3, LogBytes().i64(1).i8(0).i32(2).i8(9).raw(61));
    for (const auto& [type, doubtful] : {std::pair(6, graph), std::pair(3, unit)}) {
        const auto walked = walk(log_transaction(42, {doubtful, counts}), 9);
        ASSERT_TRUE(walked) << walked.error().message;
        EXPECT_TRUE(walked->unknown_command) << type;
    }
    expect_walked(log_transaction(42, {command(3, LogBytes().i64(1).i8(0).i32(2).i8(9).raw(69)), counts}), 42);
}

TEST(EntryWalker, RefusesWhatIsNoTransaction) {
    EXPECT_THAT(refusal(from_hex("f605000000000000002a000001a2036e773d")), HasSubstr("expected a start entry"));
    auto zeros = log_transaction(42, {LogBytes().raw(40, std::byte{0})});
    EXPECT_THAT(refusal(zeros), HasSubstr("expected a command entry"));
    // A check point stands between transactions only.
    EXPECT_THAT(refusal(log_transaction(42, {LogBytes().i8(0xF6).i8(7).i64(0).i64(16)})),
                HasSubstr("expected a command entry"));
    auto cut = log_transaction(42, {command(17, LogBytes().i32(1).i64(2))});
    cut.pop_back();
    EXPECT_FALSE(walk(cut, 8));
    const auto two = log_transaction(42, {LogBytes().i8(0xF6).i8(5).i64(42).i64(1042)});
    EXPECT_THAT(refusal(two), HasSubstr("expected a command entry"));
}

TEST(EntryWalker, BoundsEveryLengthThatIsClaimed) {
    const auto node = [](std::int64_t count) { return command(1, LogBytes().i64(9).i8(0).i32(count).raw(50)); };
    EXPECT_THAT(refusal(log_transaction(1, {node(-1)})), HasSubstr("-1 dynamic records"));
    EXPECT_FALSE(walk(log_transaction(1, {node(INT32_MAX)}), 64));
    const auto record = [](std::int64_t length) {
        return command(1, LogBytes().i64(9).i8(0).i32(1).i64(1).i32(2).i8(1).i32(length).i64(-1).raw(30));
    };
    EXPECT_THAT(refusal(log_transaction(1, {record(-5)})), HasSubstr("dynamic record of -5 bytes"));
    EXPECT_THAT(refusal(log_transaction(1, {record(INT32_MAX)})), HasSubstr("the place of the commit entry"));
    const auto value = command(11, LogBytes().i8(7 << 2).i8(0).i16(4).i16(5).raw(10));
    EXPECT_THAT(refusal(log_transaction(1, {value})), HasSubstr("value of type 7"));
}

}  // namespace
}  // namespace n4b::txlog
