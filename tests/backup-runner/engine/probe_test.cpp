#include "backup-runner/engine/probe.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_network.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using contract::MemberRole;
using testing::FakeCatchupServer;
using ::testing::HasSubstr;

/// A core and two replicas, to be varied.
class ProbeTest : public ::testing::Test {
protected:
    ProbeTest() {
        core_.role = FakeCatchupServer::Role::kCore;
        network_.servers = {{"core", &core_}, {"replica0", &first_}, {"replica1", &second_}};
        spec_.command = contract::Command::kProbe;
        spec_.run = {.uid = "run-1", .attempt = 2};
        spec_.endpoints = {{.host = "core"}, {.host = "replica0", .member = "pod-0"}, {.host = "replica1"}};
        // Servers that answer have to manage it within that time, on a busy machine and under sanitizers too.
        spec_.timeouts.connect = std::chrono::seconds(1);
    }

    contract::RunReport probe(const std::stop_token& stop = {}) {
        return engine::probe(spec_, network_, started_, stop);
    }

    FakeCatchupServer core_, first_, second_;
    testing::FakeNetwork network_;
    contract::RunSpec spec_;
    base::SteadyTime started_ = std::chrono::steady_clock::now();
};

TEST_F(ProbeTest, TellsHowEachMemberStands) {
    first_.last_committed = 7;
    const auto report = probe();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.message, "3 of 3 members answered");
    EXPECT_EQ(report.run_uid, "run-1");
    EXPECT_EQ(report.attempt, 2);
    ASSERT_EQ(report.members.size(), 3U);
    EXPECT_EQ(report.members[0].role, MemberRole::kCore);
    EXPECT_EQ(report.members[0].lag, 0);
    const auto& replica = report.members[1];
    EXPECT_EQ(replica.address, "replica0:6362");
    EXPECT_EQ(replica.member, "pod-0");
    EXPECT_EQ(replica.role, MemberRole::kReadReplica);
    EXPECT_EQ(replica.store_id.size(), 64U);
    EXPECT_EQ(replica.last_transaction, 7);
    EXPECT_EQ(replica.lag, 2);
    EXPECT_EQ(replica.reason, Reason::kCompleted);
    EXPECT_FALSE(replica.tls) << "it speaks clear text";
}

TEST_F(ProbeTest, TakesNobodyForAReadReplicaWhoseConnectionBroke) {
    core_.resets_when_asked_for_role = true;
    const auto report = probe();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.members.at(0).role, MemberRole::kUnknown) << "any network may reset a core's connection";
    EXPECT_EQ(report.members.at(1).role, MemberRole::kReadReplica);
}

TEST_F(ProbeTest, AMemberThatCannotBeReachedIsARowWithItsReason) {
    spec_.endpoints = {{.host = "refused"}, {.host = "unknown"}, {.host = "dead"}, {.host = "replica0"}};
    const auto report = probe();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.message, "1 of 4 members answered");
    ASSERT_EQ(report.members.size(), 4U);
    EXPECT_EQ(report.members[0].reason, Reason::kSourceUnreachable);
    EXPECT_THAT(report.members[0].message, HasSubstr("refused"));
    EXPECT_EQ(report.members[1].reason, Reason::kSourceNameNotResolved);
    EXPECT_EQ(report.members[2].reason, Reason::kSourceUnreachable);
    EXPECT_EQ(report.members[3].reason, Reason::kCompleted);
    EXPECT_FALSE(report.members[3].lag) << "nobody else answered";
}

TEST_F(ProbeTest, EndsWithTheReasonOfTheFirstWhenNobodyAnswers) {
    spec_.endpoints = {{.host = "unknown"}, {.host = "refused"}};
    const auto report = probe();
    EXPECT_EQ(report.reason, Reason::kSourceNameNotResolved);
    EXPECT_EQ(report.members.size(), 2U);
}

TEST_F(ProbeTest, SixteenDeadMembersCostTheConnectTimeoutOnce) {
    spec_.timeouts.connect = std::chrono::milliseconds(500);
    spec_.endpoints.clear();
    for (int i = 0; i < 16; ++i) spec_.endpoints.push_back({.host = fmt::format("dead{}", i)});
    const auto start = std::chrono::steady_clock::now();
    const auto report = probe();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 4 * spec_.timeouts.connect);
    EXPECT_EQ(report.reason, Reason::kSourceUnreachable);
    EXPECT_EQ(report.members.size(), 16U);
}

TEST_F(ProbeTest, SaysWhenMembersBelongToDifferentDatabases) {
    second_.id.random = 99;
    second_.last_committed = 1000;
    const auto report = probe();
    ASSERT_EQ(report.reason, Reason::kCompleted);
    EXPECT_EQ(report.message, "3 of 3 members answered; they belong to 2 different databases");
    EXPECT_EQ(report.members[1].lag, 0) << "another database's transactions do not count";
    EXPECT_FALSE(report.members[2].lag) << "nobody else has that database";
}

TEST_F(ProbeTest, ShowsAddressesOfIpv6InBrackets) {
    network_.servers = {{"fd00::1", &first_}};
    spec_.endpoints = {{.host = "fd00::1"}, {.host = "fd00::2"}};
    const auto report = probe();
    EXPECT_EQ(report.members[0].address, "[fd00::1]:6362");
    EXPECT_EQ(report.members[1].address, "[fd00::2]:6362");
}

TEST_F(ProbeTest, EndsAtItsDuration) {
    spec_.timeouts.connect = std::chrono::minutes(1);
    spec_.duration = std::chrono::milliseconds(300);
    spec_.endpoints = {{.host = "dead"}};
    started_ = std::chrono::steady_clock::now();
    const auto report = probe();
    EXPECT_LT(std::chrono::steady_clock::now() - started_, std::chrono::seconds(20));
    EXPECT_EQ(report.reason, Reason::kAttemptDeadlineExceeded) << report.message;
}

TEST_F(ProbeTest, EndsWhenStopped) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(probe(stop.get_token()).reason, Reason::kCancelled);
}

}  // namespace
}  // namespace n4b::engine
