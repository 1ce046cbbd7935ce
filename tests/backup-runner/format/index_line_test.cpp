#include "backup-runner/format/index_line.hpp"

#include <gtest/gtest.h>

namespace n4b::format {
namespace {

const std::vector<IndexLine> kLines{
    OpenLine{.number = 1, .path = "schema/index/äöü \"x\"/1"},
    OpenLine{.number = kMaxTry},
    BlockDigest{.number = 7, .bytes = 9, .sha256 = std::string(64, '0')},
    Extent{.number = 1, .plain_offset = 5, .plain_length = 6, .block = 7, .block_offset = 8, .stored_length = 6},
    Extent{.number = 1, .plain_length = 600, .block = 7, .stored_length = 9, .xxh3 = 0xfedcba9876543210U},
    DoneLine{.number = 1, .bytes = 0},
    TransactionGroup{.first = 5, .offset = 16, .latest_time_ms = -1, .lengths = {1, INT64_MAX}},
};

TEST(FormatIndexLine, SurvivesItsText) {
    for (const auto& line : kLines) {
        auto text = to_line(line);
        ASSERT_EQ(text.find('\n'), text.size() - 1) << text;
        text.pop_back();
        const auto parsed = parse_index_line(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
        EXPECT_EQ(*parsed, line) << text;
    }
}

TEST(FormatIndexLine, OfTheLargestGroupFits) {
    const TransactionGroup group{.first = INT64_MAX,
                                 .offset = INT64_MAX,
                                 .latest_time_ms = INT64_MIN,
                                 .lengths = std::vector<std::int64_t>(kMaxGroupTransactions, INT64_MAX)};
    EXPECT_LE(to_line(group).size(), kMaxIndexLineBytes);
}

TEST(FormatIndexLine, IsDamagedInAnyOtherForm) {
    for (
        const auto* text : {
            "",
            "{}",
            "[]",
            "7",
            R"({"open":{"try":1,"path":"a"},"done":{"try":1,"bytes":0}})",
            R"({"open":{"try":0,"path":"a"}})",
            R"({"open":{"try":1}})",
            R"({"open":{"try":1,"path":"a","log":true}})",
            R"({"open":{"try":1048577,"log":true}})",
            R"({"block":{"number":1,"bytes":0,"sha256":"00"}})",
            R"({"extent":{"try":1,"plainOffset":0,"plainLength":1,"block":0,"blockOffset":0,"storedLength":2}})",
            R"({"extent":{"try":1,"plainOffset":0,"plainLength":0,"block":0,"blockOffset":0,"storedLength":0}})",
            R"({"extent":{"try":1,"plainOffset":0,"plainLength":1,"block":0,"blockOffset":0,"storedLength":2,"xxh3":"0"}})",
            R"({"done":{"try":1,"bytes":-1}})",
            R"({"done":{"try":1,"bytes":1,"x":1}})",
            R"({"later":{}})",
            R"({"transactions":{"first":1,"offset":0,"latestTimeMs":0,"lengths":[]}})",
            R"({"transactions":{"first":1,"offset":0,"latestTimeMs":0,"lengths":[0]}})",
            R"({"transactions":{"first":1,"offset":0,"latestTimeMs":0,"lengths":["1"]}})",
        }) {
        const auto parsed = parse_index_line(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().reason, base::Reason::kArtifactDamaged) << text;
    }
    EXPECT_FALSE(parse_index_line(R"({"open":{"try":1,"path":")" + std::string(kMaxIndexLineBytes, 'a') + "\"}}"));
}

}  // namespace
}  // namespace n4b::format
