#include "backup-runner/engine/backup.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>

#include "backup-runner/engine/artifact_reader.hpp"
#include "backup-runner/engine/restore.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::FakeCatchupServer;
using testing::Fault;
using testing::FaultyStorage;

/// A temporary directory with a repository in it, and a server to copy from.
class BackupTest : public ::testing::Test {
protected:
    BackupTest() {
        char pattern[] = "/tmp/n4b-backup-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        storage_ = std::move(*storage::create_volume(repository()));
        spec_.run = {.uid = "run-1", .attempt = 1};
        spec_.source = "prod";
        spec_.database = "graph.db";
        spec_.endpoints = {{.host = "10.0.0.1", .port = 6362}};
        spec_.storage_path = repository();
    }
    ~BackupTest() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }

    contract::RunReport back_up(storage::Storage& storage, std::stop_token stop = {}) {
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * ++runs_;
        const BackupEnvironment environment{.dialer = server_,
                                            .storage = storage,
                                            .clock = clock,
                                            .random = [random]() mutable { return ++random; },
                                            .progress = progress,
                                            .buffers = {.receive = 4096, .write = 4096},
                                            .version = "test",
                                            .started = std::chrono::steady_clock::now() - runs_before_};
        return engine::back_up(spec_, environment, std::move(stop));
    }
    contract::RunReport back_up() { return back_up(*storage_); }

    std::size_t sound_artifacts() { return count_sound_artifacts(*storage_); }

    std::string root_;
    std::unique_ptr<storage::Storage> storage_;
    FakeCatchupServer server_;
    contract::RunSpec spec_;
    std::uint32_t runs_ = 0;
    std::chrono::milliseconds runs_before_{0};  ///< How long the process has run when a backup begins.
};

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(BackupTest, RestoresWhatTheServerHolds) {
    for (const auto compression : {contract::Compression::kNone, contract::Compression::kZstd}) {
        spec_.compression = compression;
        spec_.run.uid = std::string("run-") + (compression == contract::Compression::kNone ? "a" : "b");
        const auto report = back_up();
        ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
        EXPECT_EQ(report.artifact->lowest_transaction, 5);
        EXPECT_EQ(report.artifact->highest_transaction, 9);

        const auto artifact = choose_artifact(*storage_, "prod", "graph.db", report.artifact->chain);
        ASSERT_TRUE(artifact);
        const auto target = root_ + "/" + spec_.run.uid;
        const auto restored = restore(*storage_, *artifact, {.directory = target});
        ASSERT_TRUE(restored) << restored.error().message;
        EXPECT_EQ(contents(target + "/neostore.nodestore.db"), std::string(20000, '\x07'));
        EXPECT_EQ(contents(target + "/neostore.counts.db.a"), std::string(96, '\0'))
            << "the copy under the lock is kept";
        EXPECT_EQ(contents(target + "/schema/index/lucene/1/segments_1").size(), 3U);
        EXPECT_EQ(contents(target + "/neostore.transaction.db.0").size(),
                  16 + 18 + 5 * FakeCatchupServer::transaction(1).size());
        EXPECT_FALSE(std::filesystem::exists(target + "/" + kRestoreMarker));
        EXPECT_EQ(restore(*storage_, *artifact, {.directory = target}).error().code,
                  base::ErrorCode::kFailedPrecondition);
    }
    EXPECT_EQ(server_.requested().back(), "neostore") << "it must be read last";
}

TEST_F(BackupTest, HoldsTransactionsCommittedWhileFilesWereRead) {
    server_.on_file = [this](const std::string& name) {
        if (name == "neostore") server_.last_committed = 12;
    };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->highest_transaction, 12);
}

TEST_F(BackupTest, PullsOnWhileFilesAreReadSoThatPruningDoesNotOvertakeALongCopy) {
    std::promise<void> pulled;
    std::once_flag once;
    server_.on_pull = [&](std::int64_t previous) {
        if (previous == 12) std::call_once(once, [&] { pulled.set_value(); });
    };
    server_.on_file = [&](const std::string& name) {
        if (name != "neostore.nodestore.db") return;
        server_.last_committed = 12;
        EXPECT_EQ(pulled.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready)
            << "nobody came for what was committed while a file was read";
        server_.pruned_to = 12;
    };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->highest_transaction, 12);
    EXPECT_EQ(sound_artifacts(), 1U);
}

TEST_F(BackupTest, SaysThatTheLogWasPruned) {
    server_.on_file = [&](const std::string& name) {
        if (name != "neostore") return;
        server_.last_committed = 12;
        server_.pruned_to = 11;
    };
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kSourceLogPruned) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, RefusesALogThatDoesNotReachTheLastTransaction) {
    server_.pulled_to = 8;
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kCopyInconsistent) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, RefusesALogThatEndsBeforeWhatAFileMayHold) {
    // Another server behind the same address, or one that was set back.
    server_.pulled_to = 9;
    server_.on_file = [&](const std::string& name) { server_.last_committed = name == "neostore" ? 9 : 12; };
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kCopyInconsistent) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, AdoptsWhatTheSameRunHasFinished) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    const auto sent = server_.sent();
    spec_.run.attempt = 2;
    const auto again = back_up();
    EXPECT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_TRUE(again.adopted);
    EXPECT_EQ(server_.sent(), sent);
    EXPECT_EQ(look_up_run(spec_, *storage_).reason, Reason::kCompleted);
    spec_.run.uid = "run-2";
    EXPECT_EQ(look_up_run(spec_, *storage_).reason, Reason::kArtifactNotFound);
}

TEST_F(BackupTest, MakesASecondBackupWhenTheSameAttemptOfARunIsStartedAgain) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    server_.last_committed = 12;
    // A schedule by hand that uses one RunSpec file again and again.
    const auto again = back_up();
    ASSERT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_FALSE(again.adopted) << "reported as done, and nothing was copied";
    EXPECT_EQ(again.artifact->highest_transaction, 12);
    EXPECT_EQ(sound_artifacts(), 2U);
    EXPECT_EQ(look_up_run(spec_, *storage_).artifact->chain, again.artifact->chain);
    spec_.run.attempt = 2;
    EXPECT_TRUE(back_up().adopted);
    EXPECT_EQ(back_up().artifact->chain, again.artifact->chain);
}

TEST_F(BackupTest, AdoptsNothingFromAClosedChain) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    const auto chain = repository() + "/prod/graph.db/" + first.artifact->chain;
    std::ofstream(chain + "/closed.json") << "{}";
    EXPECT_EQ(look_up_run(spec_, *storage_).reason, Reason::kArtifactNotFound);
    spec_.run.attempt = 2;
    const auto again = back_up();
    EXPECT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_FALSE(again.adopted) << "a chain that is being deleted holds nobody's backup";
    EXPECT_NE(again.artifact->chain, first.artifact->chain);
    EXPECT_EQ(look_up_run(spec_, *storage_).artifact->chain, again.artifact->chain);
    // On its way out it may be incomplete already.
    std::filesystem::remove_all(chain + "/data");
    EXPECT_EQ(look_up_run(spec_, *storage_).reason, Reason::kCompleted);
}

TEST_F(BackupTest, RefusesAnotherDatabaseUnderTheSameName) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    server_.id.random = 99;
    spec_.run.uid = "run-2";
    EXPECT_EQ(back_up().reason, Reason::kSourceIdentityChanged);
}

TEST_F(BackupTest, TellsWhyNoSourceAnswered) {
    spec_.endpoints = {{.host = "unknown", .port = 1}};
    EXPECT_EQ(back_up().reason, Reason::kSourceNameNotResolved);
    spec_.endpoints = {{.host = "unknown", .port = 1}, {.host = "refused", .port = 1}};
    EXPECT_EQ(back_up().reason, Reason::kSourceUnreachable);
    spec_.endpoints.push_back({.host = "10.0.0.1", .port = 1});
    EXPECT_EQ(back_up().reason, Reason::kCompleted);
}

TEST_F(BackupTest, EndsInOneErrorWhereverTheServerGoesAway) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    spec_.timeouts.stall = std::chrono::milliseconds(500);
    const auto all = server_.sent();
    for (std::int64_t at = 0; at < all; at += 997) {
        server_.cut_after = server_.sent() + at;
        spec_.run.uid = "cut-" + std::to_string(at);
        spec_.connections = 1;
        const auto report = back_up();
        EXPECT_TRUE(report.reason == Reason::kSourceConnectionLost || report.reason == Reason::kNotCatchupServer)
            << at << ": " << to_string(report.reason) << ": " << report.message;
        EXPECT_EQ(sound_artifacts(), 1U);
        if (at > 3 * 997) at += all / 4;
    }
}

TEST_F(BackupTest, TakesUpABrokenConnectionOnTheSameServer) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    const auto all = server_.sent();
    for (const std::int64_t at : {all / 3, all / 2, all - 700}) {
        server_.break_once_after = server_.sent() + at;
        spec_.run.uid = "broken-" + std::to_string(at);
        const auto report = back_up();
        EXPECT_EQ(report.reason, Reason::kCompleted) << at << ": " << report.message;
    }
    EXPECT_EQ(sound_artifacts(), 4U);
}

TEST_F(BackupTest, DoesNotFetchAFileAgainWhoseConnectionBrokeBehindIt) {
    spec_.connections = 1;
    std::atomic<bool> came = false;
    std::atomic<int> breaks = 0;
    server_.on_file = [&](const std::string& name) { came = came || name == "neostore.nodestore.db"; };
    server_.on_last_committed = [&] { return !came || ++breaks > 2; };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_GT(breaks, 2);
    EXPECT_EQ(std::count(server_.requested().begin(), server_.requested().end(), "neostore.nodestore.db"), 1);
}

TEST_F(BackupTest, RefusesNamesThatLeaveTheTarget) {
    for (const char* name : {"../x", "/etc/passwd", "a/../b", "", "a//b", "a\\..\\b", "x\n"}) {
        server_.atomic_files = {{name, catchup::Bytes(3)}};
        spec_.run.uid = "bad-name";
        const auto report = back_up();
        EXPECT_EQ(report.reason, Reason::kSourceProtocolError) << name << ": " << report.message;
    }
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, EndsAtOnceWhenStopped) {
    std::stop_source stop;
    server_.on_file = [&](const std::string&) { stop.request_stop(); };
    EXPECT_EQ(back_up(*storage_, stop.get_token()).reason, Reason::kCancelled);
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, RefusesAPassedDeadline) {
    spec_.duration = std::chrono::milliseconds(0);
    EXPECT_EQ(back_up().reason, Reason::kAttemptDeadlineExceeded);
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, CountsItsDurationFromTheStartOfItsProcess) {
    runs_before_ = std::chrono::minutes(40);
    spec_.duration = std::chrono::minutes(30);
    EXPECT_EQ(back_up().reason, Reason::kAttemptDeadlineExceeded);
    spec_.duration = std::chrono::minutes(50);
    EXPECT_EQ(back_up().reason, Reason::kCompleted);
}

TEST_F(BackupTest, PublishesNoHeadWhenTheStorageHangsBeyondTheDeadline) {
    spec_.duration = std::chrono::seconds(4);
    FaultyStorage hanging(*storage_, repository(), Fault::kNone, -1);
    bool hung = false;
    hanging.on_finished = [&](const std::string& key) {
        if (key.find("/heads/.") == std::string::npos) return;
        hung = true;
        std::this_thread::sleep_for(*spec_.duration);
    };
    const auto report = back_up(hanging);
    EXPECT_TRUE(hung) << report.message;
    EXPECT_EQ(report.reason, Reason::kAttemptDeadlineExceeded) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(repository())) {
        EXPECT_NE(entry.path().parent_path().filename(), "heads") << entry.path();
    }
}

/// Runs one backup in a process of its own; its exit status.
template <typename Work>
int in_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST_F(BackupTest, SurvivesAFaultAtEveryOperation) {
    spec_.connections = 1;
    std::int64_t operations = 0;
    {
        FaultyStorage counting(*storage_, repository(), Fault::kNone, -1);
        ASSERT_EQ(back_up(counting).reason, Reason::kCompleted);
        operations = counting.operations();
    }
    ASSERT_GT(operations, 40);
    for (const auto fault : {Fault::kFailBefore, Fault::kFailAfter, Fault::kExitBefore, Fault::kExitAfter,
                             Fault::kPowerOffBefore, Fault::kPowerOffAfter}) {
        for (std::int64_t at = 0; at < operations; ++at) {
            const auto label = "fault " + std::to_string(static_cast<int>(fault)) + " at " + std::to_string(at);
            std::filesystem::remove_all(repository());
            storage_ = std::move(*storage::create_volume(repository()));
            const int code = in_child([&] {
                runs_ += 1000;  // no two processes draw the same random numbers
                FaultyStorage faulty(*storage_, repository(), fault, at);
                return back_up(faulty).reason == Reason::kCompleted ? 0 : 1;
            });
            const auto sound = sound_artifacts();
            // A backup reported as done is there; whatever else is there is sound (checked above).
            if (code == 0) {
                EXPECT_EQ(sound, 1U) << label;
            }
            EXPECT_LE(sound, 1U) << label;
            // The next attempt of the run succeeds, and copies nothing when the artifact was finished.
            spec_.run.attempt = 2;
            const auto next = back_up();
            EXPECT_EQ(next.reason, Reason::kCompleted) << label << ": " << next.message;
            EXPECT_EQ(next.adopted, sound == 1) << label;
            EXPECT_EQ(sound_artifacts(), 1U) << label;
            spec_.run.attempt = 1;
            if (HasFailure()) return;
        }
    }
}

TEST_F(BackupTest, MakesAnAdoptedHeadDurableBeforeItIsReported) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    spec_.run.attempt = 2;
    for (const bool looked_up : {false, true}) {
        const int code = in_child([&] {
            // The first attempt was killed between the head's name and the sync of its directory.
            FaultyStorage storage(*storage_, repository(), Fault::kNone, -1);
            storage.assume_volatile(first.artifact->location);
            const auto report = looked_up ? look_up_run(spec_, storage) : back_up(storage);
            if (report.reason == Reason::kCompleted) storage.power_off();
            return 1;
        });
        EXPECT_EQ(code, testing::kFaultExit);
        EXPECT_EQ(sound_artifacts(), 1U) << "reported as done, and gone after the power failed";
    }
}

TEST_F(BackupTest, LeavesOnlySoundArtifactsWhenKilledAtRandom) {
    spec_.connections = 2;
    for (int i = 0; i < 50; ++i) {
        spec_.run.uid = "kill-" + std::to_string(i);
        const pid_t child = ::fork();
        if (child == 0) ::_exit(back_up().reason == Reason::kCompleted ? 0 : 1);
        ::usleep(static_cast<useconds_t>(i * 400));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        const auto sound = sound_artifacts();
        spec_.run.attempt = 2;
        runs_ += 100;
        const auto next = back_up();
        ASSERT_EQ(next.reason, Reason::kCompleted) << i << ": " << next.message;
        EXPECT_EQ(sound_artifacts(), next.adopted ? sound : sound + 1);
        spec_.run.attempt = 1;
    }
}

}  // namespace
}  // namespace n4b::engine
