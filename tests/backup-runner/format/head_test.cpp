#include "backup-runner/format/head.hpp"

#include <gtest/gtest.h>

#include "backup-runner/format/head_trailer.hpp"
#include "tests/support/example_head.hpp"

namespace n4b::format {
namespace {

using base::ErrorCode;
using base::Reason;
using testing::example_head;

Head increment() {
    auto head = example_head();
    head.name.sequence = 1;
    head.name.kind = "incr";
    head.supersedes.clear();
    head.parent = Parent{.name = to_string(name_of(example_head())),
                         .sha256 = std::string(64, 'b'),
                         .blocks = 2,
                         .stored_bytes = 7,
                         .head_bytes = 900};
    return head;
}

/// The text with one part replaced, and a trailer that fits it: what a later runner, or a bug of ours, would write.
std::string rewritten(std::string text, const std::string& find, const std::string& with) {
    EXPECT_NE(text.find(find), std::string::npos) << find;
    text.replace(text.find(find), find.size(), with);
    text.resize(text.size() - kTrailerBytes);
    return text + trailer_of(text);
}

TEST(FormatHead, SurvivesItsText) {
    Head bare = example_head();
    bare.transactions.reset();
    bare.latest_commit_time.reset();
    bare.complete_at.reset();
    bare.current_at.reset();
    bare.supersedes.clear();
    bare.origin = {};
    bare.server = {};
    bare.signature.clear();
    bare.server_version.clear();
    for (const auto& head : {example_head(), increment(), bare}) {
        const auto text = print_head(head);
        ASSERT_TRUE(text) << text.error().message;
        const auto parsed = parse_head(*text, name_of(head));
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, head);
    }
}

TEST(FormatHead, IsDamagedWhenAnyByteOfItHasChanged) {
    const auto text = print_head(example_head()).value();
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const unsigned flip : {1U, 2U, 32U, 255U}) {
            auto damaged = text;
            damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ flip);
            const auto parsed = parse_head(damaged);
            ASSERT_FALSE(parsed) << "byte " << i;
            ASSERT_EQ(parsed.error().reason, Reason::kArtifactDamaged)
                << "byte " << i << ": " << parsed.error().message;
        }
    }
    for (std::size_t size = 0; size < text.size(); ++size) {
        ASSERT_FALSE(parse_head(text.substr(0, size))) << size;
    }
    EXPECT_FALSE(parse_head(text + " "));
}

TEST(FormatHead, IsNotSupportedWhenALaterRunnerWroteIt) {
    const auto text = print_head(example_head()).value();
    for (const auto& later : {rewritten(text, "\"format\":1", "\"format\":2"),
                              rewritten(text, "\"requires\":[]", "\"requires\":[\"sealed\"]"),
                              rewritten(text, "\"kind\":\"full\"", "\"kind\":\"cold\""),
                              rewritten(text, "\"encodings\":[\"zstd\"]", "\"encodings\":[\"lz9\"]"),
                              std::string(R"({"format": 0, "requires": [], "digest": "sha256:00"})"),
                              std::string(R"({"format": 3, "requires": [], "all": {"is": "different"}})")}) {
        const auto parsed = parse_head(later);
        ASSERT_FALSE(parsed) << later;
        EXPECT_EQ(parsed.error().code, ErrorCode::kFailedPrecondition) << parsed.error().message;
        EXPECT_EQ(parsed.error().reason, Reason::kArtifactNotSupported) << parsed.error().message;
    }
}

TEST(FormatHead, NamesTheFieldThatIsWrong) {
    const struct {
        const char* find;
        const char* with;
        const char* message;
    } kCases[] = {
        {"\"sequence\":0", "\"sequence\":\"0\"", "sequence: found string"},
        {"\"sequence\":0", "\"sequence\":1000000", "sequence: expected 0 to 999999"},
        {"\"sequence\":0", "\"sequence\":1", "sequence: 0 is the full's"},
        {"\"uid\":\"5a1b-2c\"", "\"uid\":\"A/..\"", "run: it has no name"},
        {"\"attempt\":2", "\"attempt\":0", "run: it has no name"},
        {"\"plainBytes\":6", "\"plainBytes\":-6", "counts.plainBytes"},
        {"\"blockBytes\":1048576", "\"blockBytes\":1048577", "blockBytes: expected a power of two"},
        {"\"length\":310", "\"length\":0", "transactions.highest.sha256"},
        {"\"block\":1", "\"block\":100000000", "index[0].block"},
        {"\"bytes\":77", "\"bytes\":1048577", "index[0].bytes"},
        {"\"logPreamble\":\"00ff\"", "\"logPreamble\":\"0ff\"", "logPreamble"},
        {"\"hex\":\"0000000000000001\"", "\"hex\":\"XX\"", "neostorePatches[0].hex"},
        {"\"source\":\"prod\"", "\"source\":\"../prod\"", "source"},
        {"\"source\":\"prod\"", "\"source\":\"prod\",\"extra\":1", "extra: unknown field"},
        {"\"schedule\":\"nightly\"", "\"schedule\":\"nightly\",\"extra\":1", "origin.extra: unknown field"},
        {"\"start\":\"2026", "\"start\":\"yesterday", "start"},
        {"20261121T215049Z-3f9c20-000000-full", "20261121T215049Z-3f9c20-full", "supersedes"},
    };
    const auto text = print_head(example_head()).value();
    for (const auto& c : kCases) {
        const auto parsed = parse_head(rewritten(text, c.find, c.with));
        ASSERT_FALSE(parsed) << c.with;
        EXPECT_EQ(parsed.error().code, ErrorCode::kDataLoss) << c.with;
        EXPECT_NE(parsed.error().message.find(c.message), std::string::npos)
            << c.with << ": " << parsed.error().message;
    }
}

TEST(FormatHead, IsDamagedUnderAnothersName) {
    const auto text = print_head(example_head()).value();
    auto name = name_of(example_head());
    ++name.highest;
    const auto parsed = parse_head(text, name);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().reason, Reason::kArtifactDamaged);
}

TEST(FormatHead, IsNeverPrintedInAWayThatNobodyCanRead) {
    auto long_index = example_head();
    for (std::int64_t i = 2; i < 1'000; ++i) {
        long_index.index.push_back({.number = i, .bytes = 1, .sha256 = std::string(64, 'a')});
    }
    auto nameless = example_head();
    nameless.name.run.uid = "UPPER";
    auto orphan = increment();
    orphan.parent.reset();
    for (const auto& head : {long_index, nameless, orphan}) {
        const auto text = print_head(head);
        ASSERT_FALSE(text);
        EXPECT_EQ(text.error().code, ErrorCode::kInternal);
    }
}

}  // namespace
}  // namespace n4b::format
