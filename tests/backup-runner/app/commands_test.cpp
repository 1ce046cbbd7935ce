#include "backup-runner/app/commands.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "backup-runner/app/outcome.hpp"
#include "backup-runner/engine/backup.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/loopback_listener.hpp"

namespace n4b::runner {
namespace {

using base::Reason;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

VerifyOptions all_of(const std::string& directory) {
    return {.store = {.directory = directory}};
}

/// A repository with three backups, whose heads a test may harm.
class CommandsTest : public ::testing::Test {
protected:
    CommandsTest() {
        char pattern[] = "/tmp/n4b-commands-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        for (const char* uid : {"run-1", "run-2", "run-3"}) back_up(uid);
    }
    ~CommandsTest() override { std::filesystem::remove_all(root_); }

    void back_up(const std::string& uid) {
        contract::RunSpec spec;
        spec.run = {.uid = uid, .attempt = 1};
        spec.source = "prod";
        spec.database = "graph.db";
        spec.endpoints = {{.host = "10.0.0.1", .port = 6362}};
        spec.initialize = true;
        const auto store = object_store::volume_store(repository(), storage::create_volume(repository()).value());
        engine::ProgressCounters progress;
        const base::RealClock clock;
        const auto random = [this] { return ++random_; };
        const auto report = engine::back_up(spec,
                                            {.dialer = server_,
                                             .store = *store,
                                             .clock = clock,
                                             .random = random,
                                             .progress = progress,
                                             .version = "test"},
                                            {});
        ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
        heads_.push_back(repository() + "/" + report.artifact->location);
    }
    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }
    void cut(std::size_t head) { std::filesystem::resize_file(heads_.at(head), 100); }
    void make_later(std::size_t head) { std::ofstream(heads_.at(head)) << R"({"format": 2, "requires": []})"; }

    [[nodiscard]] RestoreOptions restore_to(const std::string& target) const {
        return {.store = {.directory = repository()},
                .wish = {.source = "prod", .database = "graph.db", .chain = {}},
                .target = {.directory = target}};
    }

    /// Runs a command; its exit code. What it prints is in out_ and err_.
    template <typename Options>
    int run(const Options& options) {
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = runner::run(options);
        err_ = ::testing::internal::GetCapturedStderr();
        out_ = lines_of(::testing::internal::GetCapturedStdout());
        return code;
    }

    std::string root_;
    testing::FakeCatchupServer server_;
    std::uint32_t random_ = 0;
    std::vector<std::string> heads_;
    std::vector<std::string> out_;
    std::string err_;
};

TEST_F(CommandsTest, ListAndVerifyAreContentWithSoundBackups) {
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 0) << err_;
    EXPECT_EQ(out_.size(), 4U);
    EXPECT_EQ(run(all_of(repository())), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(StartsWith("ok "), StartsWith("ok "), StartsWith("ok ")));
}

TEST_F(CommandsTest, ListShowsWhatCanBeReadAndNamesWhatCannot) {
    make_later(0);
    cut(1);
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 40);
    EXPECT_THAT(out_, ElementsAre(StartsWith("SOURCE"), AllOf(StartsWith("prod "), HasSubstr(" NOT SUPPORTED: prod/")),
                                  AllOf(StartsWith("prod "), HasSubstr(" DAMAGED: prod/")), HasSubstr(" Full ")));
    EXPECT_THAT(err_, HasSubstr("error: ArtifactDamaged: 2 of 3 artifacts can't be used; one of them: prod/"));
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}, .json = true}), 40);
    EXPECT_THAT(
        out_,
        ElementsAre(
            AllOf(HasSubstr("-run-1-1.json"), HasSubstr(R"("reason":"ArtifactNotSupported")"), HasSubstr("message")),
            AllOf(HasSubstr("-run-2-1.json"), HasSubstr(R"("reason":"ArtifactDamaged")"), HasSubstr("message")),
            AllOf(HasSubstr("-run-3-1.json"), HasSubstr("storedBytes"))));
}

TEST_F(CommandsTest, ListShowsWhatUnfinishedBackupsTake) {
    const auto directory = repository() + "/prod/graph.db/chains/20261122T215049Z-3f9c21/000000-full-run-4-1";
    std::filesystem::create_directories(directory + "/blocks");
    std::ofstream(directory + "/intent-20261126T114241Z.json") << "12345";
    std::ofstream(directory + "/blocks/00000001") << "0123456789";
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 0) << err_;
    ASSERT_EQ(out_.size(), 5U);
    EXPECT_EQ(out_.back(),
              "prod             graph.db     20261122T215049Z-3f9c21  UNFINISHED: 15 bytes of run run-4-1, which may "
              "write to it until 2026-11-26T11:42:41Z");
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}, .json = true}), 0) << err_;
    EXPECT_EQ(out_.back(),
              R"({"chain":"20261122T215049Z-3f9c21","database":"graph.db","kind":"Unfinished","objects":2,)"
              R"("run":"run-4-1","source":"prod","storedBytes":15,"writableUntil":"2026-11-26T11:42:41Z"})");
    std::ofstream(directory + "/artifact.json") << "{}";
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 0) << err_;
    EXPECT_THAT(out_.back(), EndsWith("HEAD MISSING: 17 bytes of run run-4-1, which had finished"));
    std::filesystem::remove(directory + "/artifact.json");
    std::filesystem::remove_all(directory + "/blocks");
    std::ofstream(directory + "/abandoned.json") << "{}";
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 0) << err_;
    EXPECT_EQ(out_.size(), 4U) << "it was cleaned away";
}

TEST_F(CommandsTest, ADamagedFileAboutTheRepositoryHidesNoBackup) {
    std::ofstream(repository() + "/neo4j-backup.json") << "{";
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 0) << err_;
    EXPECT_EQ(out_.size(), 4U);
    EXPECT_THAT(err_, AllOf(StartsWith("warning: " + repository()), HasSubstr("neo4j-backup.json")));
    EXPECT_EQ(run(all_of(repository())), 0) << err_;
    std::ofstream(repository() + "/neo4j-backup.json")
        << R"({"id": "x", "format": 2, "requiredToRead": [], "requiredToWrite": []})";
    EXPECT_EQ(run(all_of(repository())), 30);
    EXPECT_THAT(err_, HasSubstr("error: ArtifactNotSupported"));
}

TEST_F(CommandsTest, ReleaseGivesUpWhoseASourcesNameIs) {
    const ReleaseOptions options{.store = {.directory = repository()}, .source = "prod"};
    EXPECT_EQ(run(options), 0) << err_;
    EXPECT_THAT(out_, ElementsAre("nobody has claimed the name prod"));
    const auto owner = repository() + "/prod/owner.json";
    std::ofstream(owner) << R"({"format":1,"clusterId":"c1","namespace":"db","source":"prod"})";
    EXPECT_EQ(run(options), 0) << err_;
    EXPECT_THAT(out_,
                ElementsAre("the name prod is free for the next backup under it; it belonged to source \"prod\" in "
                            "namespace \"db\" of cluster \"c1\""));
    EXPECT_FALSE(std::filesystem::exists(owner));
    std::filesystem::remove(repository() + "/neo4j-backup.json");
    EXPECT_EQ(run(options), 30) << "the place may be the wrong one";
    EXPECT_THAT(err_, HasSubstr("error: StorageNotInitialized"));
}

TEST_F(CommandsTest, PruneTellsWhatGoesBeforeItIsGoneAndHoldsKeepChains) {
    const auto chain_of = [&](std::size_t head) {
        return std::filesystem::path(heads_.at(head)).filename().string().substr(0, 23);
    };
    PruneOptions prune{.store = {.directory = repository()},
                       .source = "prod",
                       .database = "graph.db",
                       .rules = {.last = 1},
                       .zone = calendar::TimeZone::find("UTC").value(),
                       .dry_run = true};
    EXPECT_EQ(run(prune), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(StartsWith("stays "), StartsWith("goes "), StartsWith("goes ")));
    for (const auto& head : heads_) EXPECT_TRUE(std::filesystem::exists(head));
    HoldOptions hold{.store = {.directory = repository()},
                     .source = "prod",
                     .database = "graph.db",
                     .chain = out_[1].substr(9, 23),
                     .name = "legal"};
    const auto held = hold.chain;
    const auto gone = out_[2].substr(9, 23);
    EXPECT_EQ(run(hold), 0) << err_;
    EXPECT_THAT(out_, ElementsAre("chain " + held + " stays until hold legal is taken away"));
    prune.dry_run = false;
    EXPECT_EQ(run(prune), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(StartsWith("stays "), StartsWith("stays "), StartsWith("goes "),
                                  StartsWith("removed  " + gone)));
    for (std::size_t i = 0; i < heads_.size(); ++i)
        EXPECT_EQ(std::filesystem::exists(heads_[i]), chain_of(i) != gone) << heads_[i];
    EXPECT_EQ(run(all_of(repository())), 0) << err_;
    EXPECT_EQ(out_.size(), 2U);
    hold.release = true;
    EXPECT_EQ(run(hold), 0) << err_;
    EXPECT_EQ(run(prune), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(StartsWith("stays "), StartsWith("goes "), StartsWith("removed  " + held)));
}

TEST_F(CommandsTest, ListNamesADatabaseWhoseHeadsCannotBeListed) {
    const auto directory = std::filesystem::path(heads_.at(0)).parent_path();
    std::filesystem::rename(directory, root_ + "/away");
    std::filesystem::create_symlink("heads", directory);  // To itself.
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 20);
    EXPECT_THAT(out_, ElementsAre(StartsWith("SOURCE"), HasSubstr(" UNREADABLE: ")));
    EXPECT_EQ(run(all_of(repository())), 20);
    EXPECT_EQ(out_.size(), 1U);
}

TEST_F(CommandsTest, InitMakesARepositoryOnceAndOnlyOfAnEmptyPlace) {
    const StoreChoice fresh{.directory = root_ + "/fresh/place"};
    ASSERT_EQ(run(InitOptions{.store = fresh}), 0) << err_;
    ASSERT_EQ(out_.size(), 1U);
    const auto said = out_.front();
    EXPECT_THAT(said, StartsWith(fresh.directory + " is repository "));
    EXPECT_EQ(run(InitOptions{.store = fresh}), 0) << err_;
    EXPECT_EQ(out_.front(), said) << "it is the same one";
    std::filesystem::remove(fresh.directory + "/neo4j-backup.json");
    std::ofstream(fresh.directory + "/notes") << "of somebody else";
    EXPECT_EQ(run(InitOptions{.store = fresh}), 30);
    EXPECT_THAT(err_, StartsWith("error: StorageNotInitialized: "));
    EXPECT_EQ(run(InitOptions{.store = fresh, .adopt = true}), 0) << err_;
}

TEST_F(CommandsTest, VerifyGoesOnAfterABadHead) {
    cut(0);
    make_later(1);
    EXPECT_EQ(run(all_of(repository())), 40);
    EXPECT_THAT(out_, ElementsAre(StartsWith("DAMAGED "), StartsWith("NOT SUPPORTED "), StartsWith("ok ")));
}

TEST_F(CommandsTest, ALaterFormatAloneIsNoDamage) {
    make_later(2);
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}}), 30);
    EXPECT_EQ(run(all_of(repository())), 30);
    EXPECT_THAT(err_, HasSubstr("error: ArtifactNotSupported"));
}

TEST_F(CommandsTest, RestoreWarnsOfABadHeadThatReachesFurtherAndTakesTheNewest) {
    server_.last_committed = 12;
    back_up("run-4");
    server_.last_committed = 11;
    back_up("run-5");
    cut(3);
    EXPECT_EQ(run(restore_to(root_ + "/target")), 0) << err_;
    EXPECT_THAT(err_, AllOf(StartsWith("warning: passed over a backup: ArtifactDamaged: "), HasSubstr("run-4")));
    EXPECT_TRUE(std::filesystem::exists(root_ + "/target/neostore"));
}

TEST_F(CommandsTest, RestoreNeverTakesAnOlderBackupInPlaceOfANewestThatCannotBeRead) {
    cut(2);
    EXPECT_EQ(run(restore_to(root_ + "/target")), 40);
    EXPECT_THAT(err_, AllOf(StartsWith("error: ArtifactDamaged: "), HasSubstr("run-3"), HasSubstr("--chain")));
    EXPECT_FALSE(std::filesystem::exists(root_ + "/target"));
}

TEST_F(CommandsTest, RestorePutsTheLogWhereTheServerLooksForIt) {
    auto options = restore_to(root_ + "/target");
    ASSERT_EQ(run(options), 0) << err_;
    EXPECT_TRUE(std::filesystem::exists(root_ + "/target/neostore.transaction.db.0"));
    EXPECT_THAT(out_.at(1), AllOf(HasSubstr("log is in " + root_ + "/target;"), HasSubstr("--tx-log-to")));
    options = restore_to(root_ + "/second");
    options.target.log_directory = root_ + "/logs";
    ASSERT_EQ(run(options), 0) << err_;
    EXPECT_TRUE(std::filesystem::exists(root_ + "/logs/neostore.transaction.db.0"));
    EXPECT_FALSE(std::filesystem::exists(root_ + "/second/neostore.transaction.db.0"));
    EXPECT_THAT(out_.at(1), AllOf(HasSubstr("log is in " + root_ + "/logs;"), HasSubstr("dbms.directories.tx_log")));
}

TEST_F(CommandsTest, RestoreRefusesDirectoriesThatHoldSomething) {
    auto options = restore_to(root_ + "/target");
    options.target.log_directory = root_ + "/logs";
    std::filesystem::create_directories(options.target.log_directory);
    std::ofstream(options.target.log_directory + "/neostore.transaction.db.7") << "of another time";
    EXPECT_EQ(run(options), 10);
    EXPECT_THAT(err_, AllOf(StartsWith("error: TargetNotEmpty: " + options.target.log_directory),
                            HasSubstr("transaction.db.7")));
    EXPECT_FALSE(std::filesystem::exists(options.target.directory)) << "nothing is made";
    std::filesystem::create_directory(options.target.directory);
    std::ofstream(options.target.directory + "/neostore") << "old";
    EXPECT_EQ(run(restore_to(options.target.directory)), 10);
    EXPECT_THAT(err_, StartsWith("error: TargetNotEmpty: "));
}

TEST_F(CommandsTest, RestoreRefusesALogWithinItsStoreAndAStoreWithinItsLog) {
    const auto store = root_ + "/target/store";
    for (const auto& log : {store + "/.", store + "/logs", root_ + "/target", root_ + "/target/../target/"}) {
        auto options = restore_to(store);
        options.target.log_directory = log;
        for (const bool dry_run : {true, false}) {
            options.dry_run = dry_run;
            EXPECT_EQ(run(options), 10) << log;
            EXPECT_THAT(err_, AllOf(StartsWith("error: InvalidRunSpec: "), HasSubstr("path and transactionLogPath"),
                                    HasSubstr("--to and --tx-log-to"), HasSubstr(store), HasSubstr(log)));
            EXPECT_FALSE(std::filesystem::exists(root_ + "/target")) << "nothing is made";
        }
    }
    auto options = restore_to(store);
    options.target.log_directory = store + "-logs";
    EXPECT_EQ(run(options), 0) << err_;
}

TEST_F(CommandsTest, RestoreTakesTheRootOfAFreshFileSystem) {
    const auto lost = root_ + "/target/lost+found";
    std::filesystem::create_directories(lost);
    std::filesystem::permissions(lost, std::filesystem::perms::none);
    EXPECT_EQ(run(restore_to(root_ + "/target")), 0) << err_;
    EXPECT_TRUE(std::filesystem::exists(root_ + "/target/neostore"));
    EXPECT_TRUE(std::filesystem::exists(lost));
}

TEST_F(CommandsTest, RestoreGivesEverythingToTheOwnerThatIsAskedFor) {
    auto options = restore_to(root_ + "/data/databases/graph.db");
    // Only root may give files away.
    const bool root = ::geteuid() == 0;
    options.target.access.owner =
        root ? storage::Owner{.user = 101, .group = 102} : storage::Owner{::geteuid(), ::getegid()};
    ASSERT_EQ(run(options), 0) << err_;
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + "/data")) {
        struct stat status {};
        ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, options.target.access.owner->user) << entry.path();
        EXPECT_EQ(status.st_gid, options.target.access.owner->group) << entry.path();
        ++count;
    }
    EXPECT_GT(count, 6U);
}

TEST_F(CommandsTest, NothingIsMadeWhereARepositoryIsMissing) {
    // A volume that is not mounted, or a misspelt path.
    const auto missing = root_ + "/missing";
    auto options = restore_to(root_ + "/target");
    options.store.directory = missing;
    EXPECT_EQ(run(options), 20);
    EXPECT_EQ(run(ListOptions{.store = {.directory = missing}}), 20);
    EXPECT_EQ(run(all_of(missing)), 20);
    std::filesystem::create_directory(missing);
    EXPECT_EQ(run(options), 30);
    EXPECT_EQ(run(ListOptions{.store = {.directory = missing}}), 30);
    EXPECT_EQ(run(all_of(missing)), 30);
    EXPECT_TRUE(std::filesystem::is_empty(missing));
    EXPECT_FALSE(std::filesystem::exists(options.target.directory));
}

TEST_F(CommandsTest, ABackupGoesOnWhereItsProgressPortIsTaken) {
    const testing::LoopbackListener taken;
    const testing::LoopbackPort refused;
    contract::RunSpec spec;
    spec.run = {.uid = "run-4", .attempt = 1};
    spec.source = "prod";
    spec.database = "graph.db";
    spec.endpoints = {{.host = "127.0.0.1", .port = refused.port()}};
    spec.storage_path = repository();
    spec.timeouts.connect = std::chrono::milliseconds(200);
    spec.http_port = taken.port();
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(runner::run(BackupOptions{spec}, std::chrono::steady_clock::now(), {}), 20);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                AllOf(HasSubstr("warning: nobody can ask for progress on port "), HasSubstr("error: Source")));
}

TEST_F(CommandsTest, ListAndVerifyLookAtWhatTheyAreAskedToLookAt) {
    const auto chain = std::filesystem::path(heads_.at(1)).filename().string().substr(0, 23);
    auto list = ListOptions{.store = {.directory = repository()}, .scope = {.chain = chain}, .json = true};
    EXPECT_EQ(run(list), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(HasSubstr("-run-2-1.json")));
    list.scope = {.database = "other.db"};
    EXPECT_EQ(run(list), 0) << err_;
    EXPECT_TRUE(out_.empty());
    auto verify = all_of(repository());
    verify.scope = {.source = "prod", .database = "graph.db", .chain = chain};
    EXPECT_EQ(run(verify), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(AllOf(StartsWith("ok "), HasSubstr("-run-2-1.json"))));
    verify.scope = {.database = "other.db"};
    EXPECT_EQ(run(verify), 30);
    EXPECT_THAT(err_, StartsWith("error: ArtifactNotFound: "));
}

TEST_F(CommandsTest, VerifyWritesALineOfJsonForEachBackup) {
    cut(1);
    auto verify = all_of(repository());
    verify.json = true;
    EXPECT_EQ(run(verify), 40);
    EXPECT_THAT(out_, ElementsAre(AllOf(HasSubstr("-run-1-1.json"), HasSubstr(R"("reason":"Completed")")),
                                  AllOf(HasSubstr("-run-2-1.json"), HasSubstr(R"("reason":"ArtifactDamaged")"),
                                        HasSubstr(R"("message":)")),
                                  HasSubstr("-run-3-1.json")));
}

TEST_F(CommandsTest, ListShowsWhatVerifyFound) {
    const ListOptions list{.store = {.directory = repository()}};
    EXPECT_EQ(run(list), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(EndsWith(" VERIFIED"), EndsWith(" -"), EndsWith(" -"), EndsWith(" -")));
    EXPECT_EQ(run(all_of(repository())), 0) << err_;
    EXPECT_EQ(run(list), 0) << err_;
    EXPECT_THAT(out_.at(1), HasSubstr(" Checksum 20"));
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}, .json = true}), 0) << err_;
    EXPECT_THAT(out_.at(2), HasSubstr(R"("verified":{"level":"Checksum","time":"20)"));

    // The fake server's files have sizes that no real one's have.
    auto verify = all_of(repository());
    verify.level = contract::VerifyLevel::kChain;
    EXPECT_EQ(run(verify), 40);
    EXPECT_THAT(out_, ElementsAre(StartsWith("DAMAGED "), StartsWith("DAMAGED "), StartsWith("DAMAGED ")));
    EXPECT_EQ(run(list), 0) << "what is wrong is not seen by a look at heads";
    EXPECT_THAT(out_.at(3), HasSubstr(" Damaged 20"));
}

TEST_F(CommandsTest, VerifySaysThatTheLevelCouldNotBeKept) {
    std::filesystem::remove_all(repository() + "/prod/graph.db/facts");
    std::ofstream(repository() + "/prod/graph.db/facts") << "in the way";
    EXPECT_EQ(run(all_of(repository())), 0) << "it was looked at all the same";
    EXPECT_THAT(out_, ElementsAre(StartsWith("ok "), StartsWith("ok "), StartsWith("ok ")));
    const std::string warning = "could not be put down";
    const auto first = err_.find(warning);
    ASSERT_NE(first, std::string::npos) << err_;
    EXPECT_EQ(err_.find(warning, first + 1), std::string::npos) << "once is enough";
}

TEST_F(CommandsTest, ADeadlineThatHasPassedIsNoDamage) {
    auto verify = all_of(repository());
    verify.deadline = base::Deadline::at(std::chrono::steady_clock::now());
    EXPECT_EQ(run(verify), 20);
    EXPECT_TRUE(out_.empty());
    EXPECT_THAT(err_, StartsWith("error: AttemptDeadlineExceeded: the deadline of this command has passed: "));
    EXPECT_EQ(run(ListOptions{.store = {.directory = repository()}, .deadline = verify.deadline}), 20);
    EXPECT_THAT(err_, StartsWith("error: AttemptDeadlineExceeded: "));
}

TEST_F(CommandsTest, InitAndRestoreTellProgramsInJson) {
    EXPECT_EQ(run(InitOptions{.store = {.directory = repository()}, .json = true}), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(AllOf(HasSubstr(R"("reason":"Completed")"), HasSubstr(R"("repository":")"))));
    EXPECT_EQ(run(InitOptions{.store = {.directory = heads_.at(0)}, .json = true}), 20);
    EXPECT_THAT(out_, ElementsAre(AllOf(HasSubstr(R"("reason":"Storage)"), HasSubstr(R"("message":)"))));
    auto options = restore_to(root_ + "/target");
    options.json = true;
    EXPECT_EQ(run(options), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(AllOf(HasSubstr(R"("highestTransaction":9)"), HasSubstr(R"("bytes":)"),
                                        HasSubstr(R"("storeDirectory":")" + root_ + "/target\""))));
    EXPECT_EQ(run(options), 10) << "it holds something now";
    EXPECT_THAT(out_, ElementsAre(AllOf(HasSubstr(R"("reason":"TargetNotEmpty")"), HasSubstr(R"("message":)"))));
}

TEST_F(CommandsTest, ADryRunOfARestoreTellsWhatItWouldDoAndWritesNothing) {
    auto options = restore_to(root_ + "/data/graph.db");
    options.dry_run = true;
    EXPECT_EQ(run(options), 0) << err_;
    EXPECT_THAT(out_, ::testing::Contains(AllOf(StartsWith("would restore "), HasSubstr("-run-3-1.json"))));
    EXPECT_THAT(out_, ::testing::Contains(StartsWith("up to             transaction 9")));
    EXPECT_THAT(out_, ::testing::Contains(StartsWith("free there ")));
    EXPECT_THAT(out_, ::testing::Contains("in the way        nothing"));
    EXPECT_FALSE(std::filesystem::exists(root_ + "/data"));
    std::filesystem::create_directories(options.target.directory);
    std::ofstream(options.target.directory + "/neostore") << "old";
    options.json = true;
    EXPECT_EQ(run(options), 10);
    EXPECT_THAT(out_, ElementsAre(AllOf(HasSubstr(R"("reason":"TargetNotEmpty")"), HasSubstr(R"("dryRun":true)"),
                                        HasSubstr(R"("availableBytes":)"))));
    EXPECT_THAT(err_, StartsWith("error: TargetNotEmpty: "));
}

TEST_F(CommandsTest, RestoreGivesFilesTheModesThatAreAskedFor) {
    auto options = restore_to(root_ + "/data/databases/graph.db");
    options.target.access.modes = storage::Modes{.file = 0604, .directory = 0705};
    ASSERT_EQ(run(options), 0) << err_;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + "/data")) {
        const auto mode = static_cast<unsigned>(entry.status().permissions());
        EXPECT_EQ(mode, entry.is_directory() ? 0705U : 0604U) << entry.path();
    }
}

TEST_F(CommandsTest, WhatTheTargetSaysIsNotToldAsTheStorages) {
    const std::vector<std::pair<int, const char*>> cases{
        {ENOSPC, "TargetFull"}, {EDQUOT, "TargetFull"}, {EROFS, "TargetNotWritable"}, {EIO, "TargetNotWritable"}};
    for (const auto& [error, reason] : cases) {
        const auto target = root_ + "/target-" + std::to_string(error);
        const auto restore = [&, reason = reason] {
            const int code = run(restore_to(target));
            return code == 30 && err_.starts_with("error: " + std::string(reason) + ": ") ? 0 : 1;
        };
        EXPECT_EQ(testing::with_failing_calls({{SYS_fsync, error}}, restore), 0) << reason;
    }
    std::ofstream(root_ + "/file") << "x";
    EXPECT_EQ(run(restore_to(root_ + "/file/graph.db")), 30);
    EXPECT_THAT(err_, StartsWith("error: TargetNotWritable: "));
}

/// Concludes a run in a process of its own whose standard output and error go to these files; its exit code.
int conclude_into(const contract::RunReport& report, const char* output, const char* error) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(::open(output, O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
        ::dup2(::open(error, O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        ::_exit(conclude(report));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(CommandsTest, AFinishedBackupStaysFinishedWhateverBecomesOfItsOutput) {
    contract::RunReport report;
    report.reason = Reason::kCompleted;
    report.artifact.emplace().location = "prod/graph.db/x/heads/y.json";
    report.passed_over = {{.address = "10.0.0.2:6362"}, {.address = "10.0.0.3:6362"}};
    const auto log = root_ + "/termination-log";
    const auto error = root_ + "/stderr";
    ::setenv("N4B_TERMINATION_LOG", log.c_str(), 1);
    for (const bool full : {false, true}) {
        std::ofstream(log).flush();
        const char* const deaf = full ? "/dev/full" : error.c_str();
        EXPECT_EQ(conclude_into(report, "/dev/full", deaf), 30) << "nobody got the report";
        EXPECT_THAT(text_of(log), HasSubstr(R"("reason":"Completed")")) << full;
        EXPECT_EQ(conclude_into(report, (root_ + "/stdout").c_str(), deaf), 0) << full;
    }
    ::unsetenv("N4B_TERMINATION_LOG");
    EXPECT_THAT(text_of(error), AllOf(HasSubstr("error: OutputFailed: "), HasSubstr("prod/graph.db/x/heads/y.json")));
}

}  // namespace
}  // namespace n4b::runner
