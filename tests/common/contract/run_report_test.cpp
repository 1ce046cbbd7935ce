#include "common/contract/run_report.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/contract/exit_code.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::contract {
namespace {

RunReport example() {
    RunReport report{.reason = base::Reason::kCompleted, .message = "done", .run_uid = "u", .attempt = 1};
    report.source =
        SourceReport{.address = "10.1.2.3:6362", .store_id = std::string(64, 'a'), .last_transaction = 1000};
    report.tls = TlsReport{.version = "TLSv1.3",
                           .cipher = "TLS_AES_256_GCM_SHA384",
                           .verification = "Full",
                           .client_certificate_requested = true,
                           .certificate_expires = base::SystemTime(std::chrono::seconds(1799384249))};
    report.source->member = "replica-0";
    report.source->role = MemberRole::kReadReplica;
    report.source->newest_known_transaction = 1003;
    report.source->lag = 3;
    report.source->choice = "the first read replica in order";
    report.source->prepare = std::chrono::milliseconds(20);
    report.source->checkpoint_lock = std::chrono::milliseconds(15);
    report.passed_over = {{.address = "10.1.2.4:6362",
                           .member = "replica-1",
                           .reason = base::Reason::kSourceBehind,
                           .message = "4 transactions behind"}};
    report.artifact = ArtifactReport{.database = "graph.db",
                                     .chain = "20261122T215049Z-3f9c21",
                                     .artifact = "0-full-u",
                                     .location = "prod/graph.db/20261122T215049Z-3f9c21/heads/0-full-u.json",
                                     .highest_transaction = 1000,
                                     .recoverable_to = base::SystemTime(std::chrono::seconds(1'795'384'249)),
                                     .current_at = base::SystemTime(std::chrono::seconds(1'795'384'300)),
                                     .level = "Chain",
                                     .verified_at = base::SystemTime(std::chrono::seconds(1'795'384'301))};
    report.repository = "9f0c-1";
    report.up_to_date = UpToDateReport{.chain = "20261122T215049Z-3f9c21",
                                       .artifact = "20261122T215049Z-3f9c21-000001-incr-0000000000000000012-a-1",
                                       .transaction = 12,
                                       .recoverable_to = base::SystemTime(std::chrono::seconds(1'795'384'249)),
                                       .current_at = base::SystemTime(std::chrono::seconds(1'795'693'361))};
    report.unexpected_full = UnexpectedFull{.reason = base::Reason::kHistoryDiverged, .message = "set back"};
    report.restored = RestoredReport{.chain = "20261122T215049Z-3f9c21",
                                     .artifact = "20261122T215049Z-3f9c21-000001-incr-0000000000000000012-a-1",
                                     .artifacts = 2,
                                     .transaction = 11,
                                     .recoverable_to = base::SystemTime(std::chrono::seconds(1'795'384'249)),
                                     .files = 30,
                                     .bytes = 1'234'567'890};
    report.cleaned = CleanedReport{.artifacts = 2, .bytes = 1'234'567'890};
    return report;
}

TEST(RunReport, SurvivesItsJsonForm) {
    const auto parsed = parse_run_report(to_json(example()));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, example());
}

TEST(RunReport, KeepsWhatAReasonForAFullBackupTells) {
    auto report = example();
    report.unexpected_full->message = std::string(600, 'w');
    EXPECT_EQ(parse_run_report(to_json(report))->unexpected_full->message, report.unexpected_full->message);
    report.unexpected_full->message += "beyond";
    EXPECT_EQ(parse_run_report(to_json(report))->unexpected_full->message, std::string(600, 'w'));
    report.message = std::string(10000, 'm');
    report.passed_over.assign(8, report.passed_over[0]);
    EXPECT_LE(to_json(report).size(), kMaxRunReportBytes);
}

TEST(RunReport, ShortensItsMessageToFit) {
    auto report = example();
    report.message = std::string(10000, '\x01') + "\xff\xfe";
    const auto text = to_json(report);
    EXPECT_LE(text.size(), kMaxRunReportBytes);
    EXPECT_TRUE(parse_run_report(text));
}

TEST(RunReport, KeepsTheFirstPassedOverSourcesThatFit) {
    auto report = example();
    report.passed_over.assign(40, {.address = "10.1.2.4:6362",
                                   .member = std::string(253, 'm'),
                                   .reason = base::Reason::kSourceUnreachable,
                                   .message = std::string(1000, 'x')});
    const auto text = to_json(report);
    EXPECT_LE(text.size(), kMaxRunReportBytes);
    const auto parsed = parse_run_report(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->message, "done") << "the message goes last";
    EXPECT_GE(parsed->passed_over.size(), 4U);
    EXPECT_EQ(parsed->source, report.source);
}

MemberReport member(int number) {
    auto tls = *example().tls;
    tls.server_certificate_expires = base::SystemTime(std::chrono::seconds(1799384249 + number));
    return {.address = fmt::format("10.244.101.{}:6362", 100 + number),
            .member = fmt::format("neo4j-production-core-{}", number),
            .role = number % 2 == 0 ? MemberRole::kCore : MemberRole::kReadReplica,
            .store_id = std::string(64, 'a'),
            .last_transaction = 1'234'567'890 - number,
            .lag = number,
            .tls = tls};
}

MemberReport silent_member(int number, std::size_t message) {
    return {.address = fmt::format("[fd00:10:244::{}]:6362", number),
            .member = fmt::format("neo4j-production-core-{}", number),
            .reason = base::Reason::kSourceUnreachable,
            .message = std::string(message, 'x')};
}

RunReport probe_report() {
    return {.reason = base::Reason::kCompleted, .message = "16 of 16 members answered", .run_uid = "u", .attempt = 1};
}

TEST(RunReport, HoldsSixteenMembersWithTheirCertificates) {
    auto report = probe_report();
    for (int i = 0; i < 16; ++i) report.members.push_back(member(i));
    report.members[3].store_id = std::string(64, 'b');
    const auto text = to_json(report);
    EXPECT_LE(text.size(), kMaxRunReportBytes);
    const auto parsed = parse_run_report(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, report);
}

TEST(RunReport, ShortensTheMessagesOfMembersBeforeItDropsAny) {
    auto report = probe_report();
    for (int i = 0; i < 16; ++i) report.members.push_back(silent_member(i, 1000));
    const auto text = to_json(report);
    EXPECT_LE(text.size(), kMaxRunReportBytes);
    const auto parsed = parse_run_report(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    ASSERT_EQ(parsed->members.size(), 16U);
    EXPECT_EQ(parsed->members_left_out, 0);
    EXPECT_GE(parsed->members[15].message.size(), 60U);
    EXPECT_EQ(parsed->message, report.message);
}

TEST(RunReport, SaysHowManyMembersItDropped) {
    auto report = probe_report();
    for (int i = 0; i < 32; ++i) report.members.push_back(member(i));
    const auto text = to_json(report);
    EXPECT_LE(text.size(), kMaxRunReportBytes);
    const auto parsed = parse_run_report(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_GE(parsed->members.size(), 16U);
    EXPECT_EQ(parsed->members_left_out, 32 - static_cast<std::int64_t>(parsed->members.size()));
    EXPECT_EQ(parsed->members[0], report.members[0]);
}

TEST(RunReport, RefusesAMemberThatNamesWhatIsNotThere) {
    const std::string head = R"({"schemaVersion":1,"reason":"Completed","message":"","runUid":"","attempt":1,"probe":)";
    EXPECT_TRUE(parse_run_report(head + R"({"storeIds":["a"],"members":[{"address":"h","storeId":0}]}})"));
    for (const char* place : {"1", "-1", "\"a\""}) {
        EXPECT_FALSE(parse_run_report(
            head + fmt::format(R"({{"storeIds":["a"],"members":[{{"address":"h","storeId":{}}}]}}}})", place)));
        EXPECT_FALSE(
            parse_run_report(head + fmt::format(R"({{"tls":[],"members":[{{"address":"h","tls":{}}}]}}}})", place)));
    }
}

TEST(RunReport, TellsWhatAStorageCanDo) {
    RunReport report{.reason = base::Reason::kCompleted, .message = "done", .run_uid = "u", .attempt = 1};
    for (const auto exclusive : {ExclusiveCreate::kHeld, ExclusiveCreate::kIgnored, ExclusiveCreate::kRefused}) {
        report.storage = StorageReport{.exclusive_create = exclusive,
                                       .keeps_versions = true,
                                       .locks_by_itself = true,
                                       .clock_offset = std::chrono::milliseconds(-400),
                                       .free_bytes = 5,
                                       .total_bytes = 7};
        const auto parsed = parse_run_report(to_json(report));
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, report);
    }
    report.storage->free_bytes.reset();
    report.storage->total_bytes.reset();
    EXPECT_EQ(parse_run_report(to_json(report))->storage, report.storage) << "a bucket tells no room";
}

TEST(RunReport, RefusesAStorageThatCannotBe) {
    const auto parse = [](const std::string& storage) {
        const auto parsed = parse_run_report(
            R"({"schemaVersion":1,"reason":"Completed","message":"","runUid":"","attempt":1,"storage":)" + storage +
            "}");
        return parsed ? "" : parsed.error().message;
    };
    EXPECT_EQ(parse(R"({"exclusiveCreate":"Held","new":1})"), "");
    EXPECT_EQ(parse("{}"), "RunReport: storage.exclusiveCreate: missing");
    EXPECT_EQ(parse(R"({"exclusiveCreate":"Maybe"})"),
              "RunReport: storage.exclusiveCreate: expected Held, Ignored or Refused");
    EXPECT_EQ(parse(R"({"exclusiveCreate":"Held","freeBytes":-1})"), "RunReport: storage.freeBytes: negative");
    EXPECT_EQ(parse(R"({"exclusiveCreate":"Held","totalBytes":-1})"), "RunReport: storage.totalBytes: negative");
    EXPECT_EQ(parse(R"({"exclusiveCreate":"Held","keepsVersions":1})"),
              "RunReport: storage.keepsVersions: found number, expected true or false");
}

RunReport pruned(std::size_t goes, std::size_t stays) {
    RunReport report{.reason = base::Reason::kCompleted, .message = "done", .run_uid = "u", .attempt = 1};
    auto& prune = report.prune.emplace();
    const auto add = [&](ChainFate fate, const char* why) {
        prune.chains.push_back({.chain = fmt::format("20261122T215049Z-{:06x}", prune.chains.size()),
                                .fate = fate,
                                .why = why,
                                .stored_bytes = std::int64_t{1} << 50});
    };
    for (std::size_t i = 0; i < goes; ++i) add(ChainFate::kGoes, "");
    for (std::size_t i = 0; i < stays; ++i) add(ChainFate::kStays, "NewestVerified");
    prune.goes = static_cast<std::int64_t>(goes);
    prune.stays = static_cast<std::int64_t>(stays);
    prune.bytes = 1 << 20;
    prune.going_on = 2;
    prune.keeps_versions = true;
    prune.wait_until = base::SystemTime(std::chrono::seconds(1'795'693'361));
    return report;
}

TEST(RunReport, TellsWhatAPrunePlansAndDoes) {
    auto report = pruned(2, 3);
    report.prune->chains[1].fate = ChainFate::kFailed;
    report.prune->chains[1].why = "StorageAccessDenied";
    EXPECT_EQ(*parse_run_report(to_json(report)), report);
    EXPECT_FALSE(parse_run_report(R"({"schemaVersion":1,"reason":"Completed","message":"","runUid":"u","attempt":1,)"
                                  R"("prune":{"chains":[{"chain":"c","fate":"Burnt","storedBytes":1}],"leftOut":0,)"
                                  R"("stays":0,"goes":0,"bytes":0,"goingOn":0}})"));
}

TEST(RunReport, LeavesOutChainsThatStayAndNoneThatGoes) {
    const auto many = pruned(kMostPruned, 500);
    const auto text = to_json(many);
    EXPECT_LE(text.size(), kMaxRunReportBytes);
    const auto read = parse_run_report(text)->prune.value();
    ASSERT_GT(read.chains.size(), kMostPruned);
    EXPECT_EQ(read.chains[kMostPruned - 1].fate, ChainFate::kGoes);
    EXPECT_EQ(read.left_out + static_cast<std::int64_t>(read.chains.size()), 516);
    EXPECT_EQ(read.stays, 500);
}

TEST(RunReport, RefusesARepositoryWhoseIdIsNone) {
    RunReport report{.repository = "../x"};
    EXPECT_EQ(parse_run_report(to_json(report)).error().message,
              "RunReport: repository: expected 1 to 64 of [0-9a-z-]");
}

TEST(RunReport, IgnoresUnknownFieldsAndRefusesUnknownReasons) {
    EXPECT_TRUE(parse_run_report(
        R"({"schemaVersion":1,"reason":"Completed","message":"","runUid":"","attempt":1,"new":true})"));
    EXPECT_FALSE(parse_run_report(R"({"schemaVersion":1,"reason":"Strange","message":"","runUid":"","attempt":1})"));
    EXPECT_FALSE(parse_run_report(""));
}

TEST(ExitCode, FollowsTheReason) {
    EXPECT_EQ(exit_code_of(base::Reason::kCompleted), ExitCode::kDone);
    EXPECT_EQ(exit_code_of(base::Reason::kInvalidRunSpec), ExitCode::kBadInput);
    EXPECT_EQ(exit_code_of(base::Reason::kSourceUnreachable), ExitCode::kRetry);
    EXPECT_EQ(exit_code_of(base::Reason::kStorageFull), ExitCode::kPermanent);
    EXPECT_EQ(exit_code_of(base::Reason::kArtifactDamaged), ExitCode::kDamaged);
    EXPECT_EQ(exit_code_of(base::Reason::kArtifactNotSupported), ExitCode::kPermanent);
    EXPECT_EQ(exit_code_of(base::Reason::kSkipped), ExitCode::kPermanent);
    EXPECT_EQ(exit_code_of(base::Reason::kSourceNotReady), ExitCode::kRetry);
}

}  // namespace
}  // namespace n4b::contract
