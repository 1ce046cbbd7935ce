#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <vector>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/fake_network.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using contract::MemberRole;
using contract::SourcePolicy;
using testing::FakeCatchupServer;
using ::testing::HasSubstr;

/// Two replicas and a core, to be varied, and a repository in a temporary directory.
class SourcesTest : public ::testing::Test {
protected:
    SourcesTest() {
        char pattern[] = "/tmp/n4b-sources-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        store_ = store_in(root_ + "/repository");
        core_.role = FakeCatchupServer::Role::kCore;
        network_.servers = {{"core", &core_}, {"replica0", &first_}, {"replica1", &second_}};
        spec_.run = {.uid = "run-1", .attempt = 1};
        spec_.source = "prod";
        spec_.database = "graph.db";
        spec_.endpoints = {{.host = "core"}, {.host = "replica0", .member = "pod-0"}, {.host = "replica1"}};
        spec_.storage_path = root_ + "/repository";
        spec_.initialize = true;
        // Servers that answer have to manage it within that time, on a busy machine and under sanitizers too.
        spec_.timeouts.connect = std::chrono::seconds(1);
    }
    ~SourcesTest() override { std::filesystem::remove_all(root_); }

    contract::RunReport back_up() {
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * ++runs_;
        return engine::back_up(spec_,
                               {.dialer = network_,
                                .store = *store_,
                                .clock = clock,
                                .random = [random]() mutable { return ++random; },
                                .progress = progress,
                                .buffers = kSmallBuffers,
                                .version = "test"},
                               {});
    }
    /// Objects of chains that have no head.
    std::size_t leftovers() {
        std::set<std::string> with_head;
        std::vector<std::string> chains;
        EXPECT_TRUE(store_->list(
            "", "",
            [&](std::span<const object_store::ObjectInfo> page) {
                for (const auto& object : page) {
                    const std::filesystem::path key(object.key);
                    const auto directory =
                        *std::next(key.begin(), std::min<std::ptrdiff_t>(2, std::distance(key.begin(), key.end()) - 1));
                    if (directory == "heads") {
                        with_head.insert(format::parse_head_name(key.filename().string()).value().artifact.chain);
                    }
                    if (directory == "chains") chains.push_back(std::next(key.begin(), 3)->string());
                }
                return true;
            },
            {}));
        return static_cast<std::size_t>(
            std::count_if(chains.begin(), chains.end(), [&](const auto& chain) { return !with_head.contains(chain); }));
    }
    std::size_t sound_artifacts() { return count_sound_artifacts(*store_); }

    std::string root_;
    std::unique_ptr<object_store::ObjectStore> store_;
    FakeCatchupServer core_, first_, second_;
    testing::FakeNetwork network_;
    contract::RunSpec spec_;
    std::uint32_t runs_ = 0;
};

TEST_F(SourcesTest, ReportsWhomItChoseAndWhy) {
    first_.last_committed = 8;
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.source->address, "replica0:6362");
    EXPECT_EQ(report.source->member, "pod-0");
    EXPECT_EQ(report.source->role, MemberRole::kReadReplica);
    EXPECT_EQ(report.source->last_transaction, 8);
    EXPECT_EQ(report.source->newest_known_transaction, 9);
    EXPECT_EQ(report.source->lag, 1);
    EXPECT_TRUE(report.source->prepare && report.source->checkpoint_lock);
    EXPECT_TRUE(report.passed_over.empty());
    spec_.run.attempt = 2;
    const auto adopted = back_up();
    EXPECT_TRUE(adopted.adopted);
    EXPECT_EQ(adopted.source->member, "pod-0");
    EXPECT_EQ(adopted.source->role, MemberRole::kReadReplica);
}

TEST_F(SourcesTest, ALaggingReplicaMakesNothingCurrentUnlessItsLagIsAllowed) {
    first_.last_committed = 8;
    EXPECT_FALSE(back_up().artifact->current_at) << "another member has more";
    spec_.run.uid = "run-2";
    spec_.max_lag = 1;
    EXPECT_TRUE(back_up().artifact->current_at);
    spec_.run.uid = "run-3";
    spec_.max_lag.reset();
    first_.last_committed = 9;
    EXPECT_TRUE(back_up().artifact->current_at);
}

TEST_F(SourcesTest, PassesOverAReplicaThatLags) {
    first_.last_committed = 5;
    spec_.max_lag = 3;
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.source->address, "replica1:6362");
    ASSERT_EQ(report.passed_over.size(), 1U);
    EXPECT_EQ(report.passed_over[0].reason, Reason::kSourceBehind);
    EXPECT_EQ(report.passed_over[0].member, "pod-0");
}

TEST_F(SourcesTest, FallsBackToACoreWithTheReason) {
    first_.last_committed = second_.last_committed = 5;
    spec_.max_lag = 3;
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.source->role, MemberRole::kCore);
    EXPECT_THAT(report.source->choice, HasSubstr("2 too far behind"));
    spec_.run.uid = "run-2";
    spec_.policy = SourcePolicy::kReplicaOnly;
    EXPECT_EQ(back_up().reason, Reason::kSourceBehind);
    spec_.run.uid = "run-3";
    spec_.endpoints = {{.host = "core"}};
    EXPECT_EQ(back_up().reason, Reason::kNoReadReplica);
}

TEST_F(SourcesTest, TheNextSourceStartsCleanWhenOneGoesAwayHalfWay) {
    spec_.timeouts.stall = std::chrono::milliseconds(500);
    std::atomic<bool> gone = false;
    first_.on_file = [&](const std::string& name) {
        if (name == "neostore.propertystore.db") first_.cut_after = first_.sent() + 100;
    };
    second_.on_file = [&](const std::string&) { gone = true; };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_TRUE(gone);
    EXPECT_EQ(report.source->address, "replica1:6362");
    ASSERT_EQ(report.passed_over.size(), 1U);
    EXPECT_EQ(report.passed_over[0].address, "replica0:6362");
    EXPECT_EQ(report.passed_over[0].reason, Reason::kSourceConnectionLost);
    EXPECT_EQ(sound_artifacts(), 1U);
    EXPECT_EQ(leftovers(), 0U);
}

TEST_F(SourcesTest, AServerThatAnsweredAndThenClosesOnTheHandshakeIsGoingAway) {
    constexpr int kConnectionsOfTheLook = 2;
    spec_.endpoints = {{.host = "replica0"}};
    std::atomic<int> connections = 0;
    first_.on_connect = [&]() -> base::Result<void> {
        if (++connections > kConnectionsOfTheLook) first_.cut_after = first_.sent();
        return {};
    };
    EXPECT_EQ(to_string(back_up().reason), to_string(Reason::kSourceConnectionLost)) << "another attempt may do better";
}

TEST_F(SourcesTest, LooksAnewAtTheOthersWhenASourceGoesAway) {
    spec_.timeouts.stall = std::chrono::milliseconds(500);
    spec_.max_lag = 3;
    first_.on_file = [&](const std::string& name) {
        if (name != "neostore.propertystore.db") return;
        first_.cut_after = first_.sent() + 100;
        core_.last_committed = 20;
        core_.checkpoint = 20;
    };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.source->address, "core:6362") << "replica1 fell behind while replica0 was copied from";
    EXPECT_EQ(report.passed_over.size(), 2U);
}

TEST_F(SourcesTest, TheNextSourceIsTakenWhateverTheFirstRefusesWith) {
    const struct {
        std::int32_t FakeCatchupServer::*field;
        std::int32_t status;
        Reason reason;
        const char* message;
    } cases[]{
        {&FakeCatchupServer::prepare_status, 1, Reason::kSourceRefused, "changed its store id between two requests"},
        {&FakeCatchupServer::prepare_status, 2, Reason::kSourceRefused, "could not prepare a copy"},
        {&FakeCatchupServer::file_status, 1, Reason::kSourceRefused, "changed its store id during the copy"},
        {&FakeCatchupServer::file_status, 2, Reason::kSourceBehind, "behind its own checkpoint 5"},
        {&FakeCatchupServer::file_status, 3, Reason::kSourceRefused, "does not have the file"},
        {&FakeCatchupServer::pull_status, 3, Reason::kSourceRefused, "not available at the moment"},
        {&FakeCatchupServer::pull_status, 4, Reason::kSourceLogPruned, "has pruned transaction 5"},
        {&FakeCatchupServer::pull_status, 5, Reason::kSourceRefused, "refuses to send transactions after 4"},
    };
    spec_.connections = 1;
    for (const auto& c : cases) {
        first_.prepare_status = first_.file_status = 0;
        first_.pull_status = 1;
        first_.*c.field = c.status;
        spec_.run.uid = "run-" + std::to_string(++runs_);
        const auto report = back_up();
        ASSERT_EQ(report.reason, Reason::kCompleted) << c.message << ": " << report.message;
        EXPECT_EQ(report.source->address, "replica1:6362") << c.message;
        ASSERT_EQ(report.passed_over.size(), 1U);
        EXPECT_EQ(to_string(report.passed_over[0].reason), to_string(c.reason)) << c.message;
        EXPECT_THAT(report.passed_over[0].message, HasSubstr(c.message));
        EXPECT_EQ(leftovers(), 0U) << c.message;
    }
}

TEST_F(SourcesTest, EndsWithTheBrokenCopyWhenNobodyIsLeft) {
    spec_.policy = SourcePolicy::kReplicaOnly;
    first_.pulled_to = second_.pulled_to = 7;
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kCopyInconsistent) << report.message;
    EXPECT_EQ(report.passed_over.size(), 2U);
    EXPECT_EQ(sound_artifacts(), 0U);
    EXPECT_EQ(leftovers(), 0U);
}

TEST_F(SourcesTest, DeadEndpointsCostTheConnectTimeoutOnce) {
    spec_.endpoints.clear();
    for (int i = 0; i < 20; ++i) spec_.endpoints.push_back({.host = "dead" + std::to_string(i)});
    spec_.endpoints.push_back({.host = "replica0"});
    const auto start = std::chrono::steady_clock::now();
    const auto report = back_up();
    const auto took = std::chrono::steady_clock::now() - start;
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.passed_over.size(), 20U);
    EXPECT_FALSE(report.source->lag) << "nobody else answered";
    EXPECT_LT(took, 10 * spec_.timeouts.connect) << "20 one after the other would take 20 times as long";
}

TEST_F(SourcesTest, AsksAnAddressOnceHoweverOftenItIsNamed) {
    network_.servers = {{"replica0", &first_}};
    spec_.endpoints = {{.host = "replica0"}, {.host = "all"}};
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_FALSE(report.source->lag) << "it was taken for two members";
}

TEST_F(SourcesTest, RefusesServersOfDifferentDatabases) {
    second_.id.random = 99;
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kSourcesDisagree);
    EXPECT_THAT(report.message, HasSubstr("replica1:6362"));
    spec_.endpoints.pop_back();
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    spec_.endpoints = {{.host = "replica1"}, {.host = "replica0"}};
    spec_.run.uid = "run-2";
    const auto next = back_up();
    EXPECT_EQ(next.reason, Reason::kCompleted) << "the last backup tells which is meant: " << next.message;
    EXPECT_EQ(next.passed_over.at(0).reason, Reason::kSourceIdentityChanged);
}

TEST_F(SourcesTest, HoldsBackFilesButNotWhatComesUnderTheCheckpointLock) {
    first_.atomic_files["big"] = catchup::Bytes(1 << 20);
    first_.store_file("neostore.propertystore.db.strings") = catchup::Bytes(64 * 1024);
    spec_.bandwidth_limit = contract::kMinBandwidth;
    spec_.compression = contract::Compression::kNone;
    const auto start = std::chrono::steady_clock::now();
    const auto report = back_up();
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    // 64 + 20 + 16 + 8 KiB of files are held back; the megabyte under the lock alone would take 16 s.
    EXPECT_GT(took, 1.3);
    EXPECT_LT(took, 10);
}

}  // namespace
}  // namespace n4b::engine
