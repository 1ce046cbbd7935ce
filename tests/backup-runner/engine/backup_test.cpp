#include <gtest/gtest.h>

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
#include "tests/backup-runner/engine/backup_fixture.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::FakeCatchupServer;
using testing::Fault;
using testing::FaultyStorage;

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

}  // namespace
}  // namespace n4b::engine
