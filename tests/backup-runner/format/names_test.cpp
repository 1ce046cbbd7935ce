#include "backup-runner/format/names.hpp"

#include <gtest/gtest.h>

namespace n4b::format {
namespace {

constexpr const char* kChain = "20261122T215049Z-3f9c21";
const ArtifactName kArtifact{.chain = kChain, .sequence = 12, .kind = "incr", .run = {.uid = "a-b-9", .attempt = 3}};

base::SystemTime seconds(std::int64_t value) {
    return base::SystemTime(std::chrono::seconds(value));
}

TEST(Names, AWriterIsToldFromWhatAUidMayEndIn) {
    for (const RunId& run :
         {RunId{.uid = "a-b-9", .attempt = 3, .writer = "w00ff01"}, RunId{.uid = "a-w00ff01", .attempt = 3},
          RunId{.uid = "w00ff01-1", .attempt = 12, .writer = "w3f9c21"}}) {
        auto artifact = kArtifact;
        artifact.run = run;
        EXPECT_EQ(*parse_head_name(to_string(HeadName{.artifact = artifact, .highest = 7})),
                  (HeadName{.artifact = artifact, .highest = 7}));
        EXPECT_EQ(*parse_directory_name(kChain, directory_name(artifact)), artifact);
    }
    EXPECT_FALSE(parse_directory_name(kChain, "000012-incr-w3f9c21")) << "a writer alone is no run";
    EXPECT_FALSE(parse_directory_name(kChain, "000012-incr-a-1-w3f9c2")) << "cut off";
}

TEST(FormatNames, SurviveTheirTexts) {
    const HeadName head{.artifact = kArtifact, .highest = INT64_MAX};
    EXPECT_EQ(to_string(head), "20261122T215049Z-3f9c21-000012-incr-9223372036854775807-a-b-9-3.json");
    EXPECT_EQ(parse_head_name(to_string(head)).value(), head);

    const FactName fact{.chain = kChain,
                        .sequence = 12,
                        .fact = "UpToDate",
                        .transaction = 77,
                        .time = seconds(1'795'693'361),
                        .run = kArtifact.run};
    EXPECT_EQ(to_string(fact),
              "20261122T215049Z-3f9c21-000012-UpToDate-0000000000000000077-20261126T114241Z-a-b-9-3.json");
    EXPECT_EQ(parse_fact_name(to_string(fact)).value(), fact);

    EXPECT_EQ(directory_name(kArtifact), "000012-incr-a-b-9-3");
    EXPECT_EQ(parse_directory_name(kChain, directory_name(kArtifact)).value(), kArtifact);
    const ReaderHoldName hold{.expires = seconds(1'795'693'361), .random = "00112233445566ff"};
    EXPECT_EQ(to_string(hold), "read-20261126T114241Z-00112233445566ff.json");
    EXPECT_EQ(parse_reader_hold_name(to_string(hold)).value(), hold);
    EXPECT_EQ(block_name(7), "00000007");
    EXPECT_EQ(parse_block_name("00000007").value(), 7);
}

TEST(FormatNames, RoundADeadlineUp) {
    const auto name = intent_name(seconds(1'795'693'360) + std::chrono::milliseconds(1));
    EXPECT_EQ(name, "intent-20261126T114241Z.json");
    EXPECT_EQ(parse_intent_name(name).value(), seconds(1'795'693'361));
}

TEST(FormatNames, SortHeadsByChainAndSequence) {
    HeadName ninth{.artifact = kArtifact, .highest = 9};
    ninth.artifact.sequence = 9;
    HeadName tenth = ninth;
    tenth.artifact.sequence = 10;
    EXPECT_LT(to_string(ninth), to_string(tenth));
}

TEST(FormatNames, AreNotSupportedInAnyOtherForm) {
    for (const auto* name : {
             "",
             "x.json",
             "20261122T215049Z-3f9c21-000012-incr-9223372036854775807-a-3.json.tmp",
             "20261122T215049Z-3f9c21-000012-incr-9223372036854775808-a-3.json",   // 2^63
             "20261122T215049Z-3f9c21-12-incr-9223372036854775807-a-3.json",       // sequence not filled up
             "20261122T215049Z-3f9c21-000012-incr-7-a-3.json",                     // highest not filled up
             "20261122T215049Z-3f9c21-000012-INCR-9223372036854775807-a-3.json",   // kind in capitals
             "20261122T215049Z-3f9c21-000012--9223372036854775807-a-3.json",       // no kind
             "20261122T215049Z-3f9c21-000012-incr-9223372036854775807-a-03.json",  // attempt twice
             "20261122T215049Z-3f9c21-000012-incr-9223372036854775807-a-0.json",
             "20261122T215049Z-3f9c21-000012-incr-9223372036854775807-3.json",  // no uid
             "20261122T215049Z-3f9c21-000012-incr-9223372036854775807-A-3.json",
             "20261122T215049Z-3F9C21-000012-incr-9223372036854775807-a-3.json",
             "20261122T215049Z-3f9c21-+00012-incr-9223372036854775807-a-3.json",
             "20261122T215049Z-3f9c21-000012-incr--223372036854775807-a-3.json",
         }) {
        const auto parsed = parse_head_name(name);
        ASSERT_FALSE(parsed) << name;
        EXPECT_EQ(parsed.error().reason, base::Reason::kArtifactNotSupported) << name;
    }
    EXPECT_FALSE(
        parse_fact_name("20261122T215049Z-3f9c21-000012-UpToDate-0000000000000000077-20261326T114241Z-a-3.json"));
    EXPECT_FALSE(
        parse_fact_name("20261122T215049Z-3f9c21-000012-Up2Date-0000000000000000077-20261126T114241Z-a-3.json"));
    EXPECT_FALSE(parse_directory_name("chain", "000012-incr-a-3"));
    EXPECT_FALSE(parse_directory_name(kChain, "000012-incr-a-3/"));
    for (const auto* name : {"audit.json", "read-20261126T114241Z-00112233445566ff", "read-20261126T114241Z-.json",
                             "read-20261126T114241Z-00112233445566FF.json", "read-2026-00112233445566ff.json"}) {
        EXPECT_FALSE(parse_reader_hold_name(name)) << name;
    }
    EXPECT_FALSE(parse_block_name("7"));
    EXPECT_FALSE(parse_block_name("000000007"));
    EXPECT_FALSE(parse_intent_name("intent-20261126T114241.json"));
}

TEST(Layout, PutsEverythingBelowSourceAndDatabase) {
    const auto layout = Layout::create("prod", "graph.db").value();
    EXPECT_EQ(layout.owner(), "prod/owner.json");
    EXPECT_EQ(layout.heads(), "prod/graph.db/heads/");
    EXPECT_EQ(layout.blocks(kArtifact), "prod/graph.db/chains/20261122T215049Z-3f9c21/000012-incr-a-b-9-3/blocks/");
    EXPECT_EQ(layout.abandoned(kArtifact),
              "prod/graph.db/chains/20261122T215049Z-3f9c21/000012-incr-a-b-9-3/abandoned.json");
    EXPECT_EQ(layout.intent(kArtifact, seconds(1'795'693'361)),
              "prod/graph.db/chains/20261122T215049Z-3f9c21/000012-incr-a-b-9-3/intent-20261126T114241Z.json");
    EXPECT_EQ(layout.closed(kChain), "prod/graph.db/chains/20261122T215049Z-3f9c21/closed.json");
    EXPECT_EQ(layout.hold(kChain, "audit").value(), "prod/graph.db/chains/20261122T215049Z-3f9c21/holds/audit.json");
    EXPECT_FALSE(layout.hold(kChain, "../closed"));
}

TEST(Layout, RefusesNamesThatAreNoDirectoryOfTheirOwn) {
    for (const auto* bad : {"", ".", "..", ".hidden", "a/b", "a b", "ä", "a\n"}) {
        EXPECT_FALSE(Layout::create(bad, "graph.db")) << bad;
        EXPECT_FALSE(Layout::create("prod", bad)) << bad;
    }
    EXPECT_FALSE(Layout::create(kRepositoryKey, "graph.db"));
    EXPECT_FALSE(Layout::create("prod", "owner.json"));
    EXPECT_FALSE(Layout::create(std::string(129, 'a'), "graph.db"));
}

}  // namespace
}  // namespace n4b::format
