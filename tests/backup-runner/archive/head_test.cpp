#include "backup-runner/archive/head.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "backup-runner/archive/index.hpp"

namespace n4b::archive {
namespace {

Head example() {
    Head head;
    head.source = "prod";
    head.database = "graph.db";
    head.chain = "20261122T215049Z-3f9c21";
    head.run_uid = "u";
    head.origin_namespace = "db";
    head.origin_name = "nightly";
    head.address = "10.0.0.1:6362";
    head.member = "replica-0";
    head.role = "ReadReplica";
    head.store_id = std::string(64, '0');
    head.lowest = {.id = 5, .checksum = INT64_MIN};
    head.highest = {.id = 9, .time = base::SystemTime(std::chrono::milliseconds(1234)), .checksum = -1};
    head.earliest_restorable = head.highest;
    head.index = {.bytes = 1, .stored_bytes = 2, .digest = "sha256:a", .stored_digest = "sha256:b"};
    return head;
}

std::string replaced(std::string text, const std::string& find, const std::string& with) {
    EXPECT_NE(text.find(find), std::string::npos) << find;
    return text.replace(text.find(find), find.size(), with);
}

TEST(Head, SurvivesItsJsonForm) {
    const auto parsed = parse_head(to_json(example()));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, example());
}

TEST(Head, RefusesAFormatOrFeatureOfALaterRunner) {
    for (const auto& text : {replaced(to_json(example()), "\"format\": 0", "\"format\": 1"),
                             replaced(to_json(example()), "\"requires\": []", "\"requires\": [\"encryption\"]"),
                             std::string(R"({"format": 2, "requires": [], "new": {}})")}) {
        const auto parsed = parse_head(text);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().code, base::ErrorCode::kFailedPrecondition) << parsed.error().message;
        EXPECT_EQ(parsed.error().reason, base::Reason::kArtifactNotSupported) << "nothing is damaged, nor a bug";
    }
}

TEST(Head, IsDamagedWhenOneCharacterOfItHasChanged) {
    const auto text = to_json(example());
    int checked = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] < '0' || text[i] > '9') continue;
        auto flipped = text;
        flipped[i] = flipped[i] == '9' ? '8' : static_cast<char>(flipped[i] + 1);
        const auto parsed = parse_head(flipped);
        EXPECT_FALSE(parsed) << flipped.substr(i > 20 ? i - 20 : 0, 40);
        ++checked;
    }
    EXPECT_GT(checked, 100);
    const auto parsed = parse_head(replaced(text, "\"files\": 0", "\"files\": 7"));
    EXPECT_EQ(parsed.error().reason, base::Reason::kArtifactDamaged);
    EXPECT_EQ(parsed.error().message, "head: its digest does not match what it says");
    EXPECT_TRUE(parse_head(replaced(text, "\"files\": 0", "\"files\":0"))) << "white space says nothing";
}

TEST(Head, NamesTheFieldThatIsWrong) {
    const auto unknown = parse_head(replaced(to_json(example()), "\"kind\"", "\"knd\": 1, \"kind\""));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().message, "head: knd: unknown field");
    EXPECT_EQ(unknown.error().reason, base::Reason::kArtifactDamaged);
    EXPECT_EQ(parse_head(replaced(to_json(example()), "\"files\": 0", "\"files\": -1")).error().message,
              "head: files: negative");
    EXPECT_EQ(parse_head(replaced(to_json(example()), "\"Full\"", "\"Empty\"")).error().message,
              "head: kind: expected Full");
    EXPECT_EQ(parse_head(replaced(to_json(example()), "\"timeMs\": 1234", "\"timeMs\": -1")).error().message,
              "head: earliestRestorable.timeMs: no time before the year 10000");
    EXPECT_FALSE(parse_head(to_json(example()).substr(0, 200)));
    EXPECT_FALSE(parse_head(""));
}

TEST(Head, IsNeverQuotedWithControlCharacters) {
    const auto is_printable = [](const std::string& text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c != 0x7F; });
    };
    // An escape sequence would recolour or rewrite the terminal of whoever lists the backups.
    for (const std::string bad : {"\\u001b[2J", "\\u0007", "\\u007f", "\\n"}) {
        const auto field = parse_head(replaced(to_json(example()), "\"kind\"", "\"k" + bad + "\": 1, \"kind\""));
        EXPECT_EQ(field.error().reason, base::Reason::kArtifactDamaged);
        EXPECT_TRUE(is_printable(field.error().message)) << field.error().message;
        const auto feature = parse_head(R"({"format": 0, "requires": ["x)" + bad + R"("]})");
        EXPECT_EQ(feature.error().reason, base::Reason::kArtifactNotSupported);
        EXPECT_TRUE(is_printable(feature.error().message)) << feature.error().message;
    }
}

TEST(IndexLine, OfAnotherFormatIsNotSupported) {
    const auto parsed = parse_index_line(R"({"type": "index", "format": 1})");
    ASSERT_FALSE(parsed) << "its lines may mean something else";
    EXPECT_EQ(parsed.error().reason, base::Reason::kArtifactNotSupported) << parsed.error().message;
}

TEST(IndexLine, SurvivesItsForm) {
    const std::vector<IndexLine> lines{
        IndexHeader{},
        IndexFile{.path = "a b", .key = "files/a%20b", .stored = {.bytes = 1, .stored_bytes = 2}, .patched = {"x"}},
        IndexTransaction{.id = 1, .offset = 34, .latest_time_ms = INT64_MIN}, IndexEnd{.files = 1, .transactions = 2}};
    for (const auto& line : lines) {
        auto text = to_line(line);
        ASSERT_EQ(text.back(), '\n');
        text.pop_back();
        const auto parsed = parse_index_line(text);
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, line);
    }
    EXPECT_FALSE(parse_index_line(R"({"type":"other"})"));
}

}  // namespace
}  // namespace n4b::archive
