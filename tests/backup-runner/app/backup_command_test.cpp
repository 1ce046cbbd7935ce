#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include "backup-runner/app/commands.hpp"
#include "common/base/json_object.hpp"
#include "common/base/notice.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/loopback_listener.hpp"
#include "tests/support/scripted_peer.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A server on loopback, and command lines as a person types them.
class BackupCommandTest : public ::testing::Test {
protected:
    BackupCommandTest() {
        char pattern[] = "/tmp/n4b-backup-command-XXXXXX";
        root_ = ::mkdtemp(pattern);
    }
    ~BackupCommandTest() override {
        base::set_notices(base::Loudness::kUsual, base::NoticeForm::kText);
        std::filesystem::remove_all(root_);
    }

    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }
    [[nodiscard]] std::vector<std::string> backup(std::vector<std::string> more) const {
        std::vector<std::string> words{"backup",   "--from", "127.0.0.1:" + std::to_string(peer_.port()),
                                       "--source", "prod",   "--database",
                                       "graph.db", "--to",   repository()};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }

    /// Runs a command line; its exit code.
    static int execute(std::vector<std::string> words) {
        words.insert(words.begin(), "neo4j-backup-runner");
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        const auto options = parse_options(static_cast<int>(argv.size()), argv.data());
        if (!options) return report_failure(options.error());
        return std::visit(
            [](const auto& chosen) {
                using Chosen = std::decay_t<decltype(chosen)>;
                if constexpr (std::is_same_v<Chosen, Exit>) {
                    return chosen.code;
                } else if constexpr (std::is_invocable_v<decltype([](const auto& o) -> decltype(runner::run(o)) {
                                                             return runner::run(o);
                                                         }),
                                                         const Chosen&>) {
                    return runner::run(chosen);
                } else {
                    return runner::run(chosen, std::chrono::steady_clock::now(), {});
                }
            },
            *options);
    }

    /// The same; what it prints is in out_ and err_.
    int run(std::vector<std::string> words) {
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = execute(std::move(words));
        err_ = ::testing::internal::GetCapturedStderr();
        std::istringstream stream(::testing::internal::GetCapturedStdout());
        out_.clear();
        for (std::string line; std::getline(stream, line);) out_.push_back(line);
        return code;
    }

    /// Every path below the root with its time of change.
    [[nodiscard]] std::vector<std::string> everything() const {
        std::vector<std::string> all;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
            std::ostringstream line;
            line << entry.path() << ' ' << entry.last_write_time().time_since_epoch().count();
            all.push_back(line.str());
        }
        std::sort(all.begin(), all.end());
        return all;
    }

    std::string root_;
    testing::FakeCatchupServer content_;
    testing::ScriptedPeer peer_{content_};
    std::vector<std::string> out_;
    std::string err_;
};

TEST_F(BackupCommandTest, ADryRunMakesNoDirectoryAndSaysThatTheBackupWould) {
    EXPECT_EQ(run(backup({"--init", "--dry-run"})), 30);
    EXPECT_THAT(err_, HasSubstr("StorageNotInitialized"));
    EXPECT_THAT(err_, HasSubstr("a backup would make this directory"));
    EXPECT_FALSE(std::filesystem::exists(repository()));
}

TEST_F(BackupCommandTest, EveryCommandTellsItsFailureInJson) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"list", "--in", repository()},
             {"verify", "--in", repository()},
             {"restore", "--in", repository(), "--source", "s", "--database", "d", "--to", root_ + "/t"},
             {"init", "--in", "/proc/none"},
             {"release", "--in", repository(), "--source", "s"},
             {"prune", "--in", repository(), "--source", "s", "--database", "d", "--keep-last", "1"},
             {"hold", "--in", repository(), "--source", "s", "--database", "d", "--chain", "c", "--name", "n"},
             {"check-storage", "--in", repository()},
             {"probe", "--from", "127.0.0.1:1", "--tls", root_ + "/none"}}) {
        auto line = words;
        line.insert(line.end(), {"--output", "json"});
        EXPECT_NE(run(line), 0) << words[0];
        ASSERT_EQ(out_.size(), 1U) << words[0];
        const auto json = Json::parse(out_[0]);
        EXPECT_THAT(err_, HasSubstr(json["reason"].get<std::string>())) << words[0];
        EXPECT_NE(json["message"].get<std::string>(), "") << words[0];
    }
}

TEST_F(BackupCommandTest, ShowsPeopleWhatItMadeAndProgramsTheReport) {
    ASSERT_EQ(run(backup({"--init"})), 0) << err_;
    EXPECT_THAT(out_, Contains(AllOf(StartsWith("backup "), HasSubstr("prod/graph.db/heads/"))));
    EXPECT_THAT(out_, Contains(AllOf(StartsWith("kind "), HasSubstr("Full, up to transaction 9"))));
    EXPECT_THAT(out_, Contains(AllOf(StartsWith("source "), HasSubstr("(ReadReplica)"))));
    EXPECT_THAT(err_, HasSubstr("copying from 127.0.0.1:"));
    ASSERT_EQ(run(backup({"--output", "json"})), 0) << err_;
    ASSERT_EQ(out_.size(), 1U);
    const auto report = Json::parse(out_.front());
    EXPECT_EQ(report.at("reason"), "Completed");
    EXPECT_EQ(report.at("artifact").at("highestTransaction"), 9);
}

TEST_F(BackupCommandTest, QuietSaysNothingButErrors) {
    ASSERT_EQ(run(backup({"--init", "--quiet"})), 0) << err_;
    EXPECT_TRUE(out_.empty());
    EXPECT_EQ(err_, "");
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"verify", "--in", repository()},
             {"init", "--in", repository()},
             {"restore", "--in", repository(), "--source", "prod", "--database", "graph.db", "--to", root_ + "/t"}}) {
        auto quietly = words;
        quietly.emplace_back("-q");
        EXPECT_EQ(run(quietly), 0) << err_;
        EXPECT_TRUE(out_.empty()) << words.front();
        EXPECT_EQ(err_, "") << words.front();
    }
    ASSERT_EQ(run({"list", "--in", repository(), "--quiet"}), 0) << err_;
    EXPECT_EQ(out_.size(), 2U) << "a list is what was asked for";
    EXPECT_EQ(run({"list", "--in", root_ + "/nothing", "--quiet"}), 20);
    EXPECT_THAT(err_, StartsWith("error: StorageUnavailable: "));
}

TEST_F(BackupCommandTest, VerboseTellsWhichServerWasPassedOverAndWhy) {
    const testing::LoopbackPort closed;
    const auto refusing = "127.0.0.1:" + std::to_string(closed.port());
    auto words = backup({"--init", "--verbose", "--connect-timeout", "300ms"});
    words[2] = refusing + "," + words[2];
    ASSERT_EQ(run(words), 0) << err_;
    EXPECT_THAT(err_, HasSubstr("debug: passed over " + refusing + ": Source"));
    EXPECT_THAT(err_, HasSubstr("debug: 127.0.0.1:" + std::to_string(peer_.port()) + " answered: ReadReplica"));
    EXPECT_THAT(err_, HasSubstr("copying from 127.0.0.1:"));
}

TEST_F(BackupCommandTest, ADryRunTellsWhatABackupWouldDoAndWritesNothing) {
    ASSERT_EQ(run({"init", "--in", repository()}), 0) << err_;
    const auto before = everything();
    ASSERT_EQ(run(backup({"--dry-run"})), 0) << err_;
    EXPECT_THAT(out_, Contains(AllOf(StartsWith("source "), HasSubstr("127.0.0.1:"))));
    EXPECT_THAT(out_, Contains("last backup       none"));
    EXPECT_THAT(out_, Contains("in the way        nothing"));
    EXPECT_EQ(everything(), before);
    ASSERT_EQ(run(backup({})), 0) << err_;
    const auto with_backup = everything();
    ASSERT_EQ(run(backup({"--dry-run", "--output", "json"})), 0) << err_;
    ASSERT_EQ(out_.size(), 1U);
    const auto plan = Json::parse(out_.front());
    EXPECT_EQ(plan.at("dryRun"), true);
    EXPECT_EQ(plan.at("reason"), "Completed");
    EXPECT_EQ(plan.at("source").at("lastTransaction"), 9);
    EXPECT_EQ(plan.at("earlier").at("highestTransaction"), 9);
    EXPECT_GT(plan.at("availableBytes"), 0);
    EXPECT_EQ(everything(), with_backup);
}

TEST_F(BackupCommandTest, ADryRunTellsWhatStandsInTheWay) {
    std::filesystem::create_directory(repository());
    EXPECT_EQ(run(backup({"--dry-run"})), 30);
    EXPECT_THAT(out_, Contains(AllOf(StartsWith("in the way "), HasSubstr("neo4j-backup.json"))));
    EXPECT_THAT(err_, StartsWith("error: StorageNotInitialized: "));
    EXPECT_EQ(run(backup({"--dry-run", "--init"})), 0) << err_;
    EXPECT_THAT(out_, Contains("repository        would be made"));
    EXPECT_TRUE(std::filesystem::is_empty(repository()));
    const testing::LoopbackPort closed;
    auto words = backup({"--dry-run", "--init", "--connect-timeout", "300ms", "--output", "json"});
    words[2] = "127.0.0.1:" + std::to_string(closed.port());
    EXPECT_EQ(run(words), 20);
    EXPECT_EQ(Json::parse(out_.at(0)).at("reason"), "SourceUnreachable");
    EXPECT_TRUE(std::filesystem::is_empty(repository()));
}

TEST_F(BackupCommandTest, ADeadlineEndsIt) {
    peer_.script = [](const testing::Request& request, testing::Answer& answer) {
        if (request.type != testing::Asked::kPrepare) return;
        answer.bytes.clear();
        answer.then = testing::Then::kStall;
    };
    EXPECT_EQ(run(backup({"--init", "--deadline", "1s"})), 20);
    EXPECT_THAT(err_, HasSubstr("error: AttemptDeadlineExceeded: "));
}

TEST_F(BackupCommandTest, WorksWhereNothingCanBeCreatedExclusively) {
    // What exFAT by FUSE and a mount of rclone answer; both can rename.
    for (const int error : {EPERM, EIO, ENOSYS, EOPNOTSUPP}) {
        std::filesystem::remove_all(root_ + "/repository");
        std::filesystem::remove_all(root_ + "/target");
        std::vector<std::pair<long, int>> calls{{SYS_linkat, error}, {SYS_renameat2, error}};
#ifdef SYS_link
        calls.emplace_back(SYS_link, error);
#endif
        const auto work = [&] {
            if (execute(backup({"--init", "-q"})) != 0) return 1;
            if (execute({"verify", "--in", repository(), "-q"}) != 0) return 2;
            return execute({"restore", "--in", repository(), "--source", "prod", "--database", "graph.db", "--to",
                            root_ + "/target", "-q"});
        };
        EXPECT_EQ(testing::in_thread_with_failing_calls(calls, work), 0) << error;
        EXPECT_TRUE(std::filesystem::is_regular_file(root_ + "/target/neostore")) << error;
    }
}

}  // namespace
}  // namespace n4b::runner
