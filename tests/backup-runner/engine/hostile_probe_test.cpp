#include <gtest/gtest.h>

#include <iterator>
#include <mutex>
#include <set>

#include "backup-runner/engine/probe.hpp"
#include "tests/backup-runner/engine/hostile_cases.hpp"
#include "tests/support/counted_memory.hpp"
#include "tests/support/troubleshooting.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::Asked;
using testing::CountedMemory;
using testing::FakeCatchupServer;
using testing::ScriptedPeer;

constexpr std::int64_t kMostMemory = std::int64_t{1} * 1024 * 1024;

contract::RunSpec spec_for(const ScriptedPeer& peer) {
    contract::RunSpec spec;
    spec.command = contract::Command::kProbe;
    spec.run = {.uid = "probe", .attempt = 1};
    spec.endpoints = {{.host = "127.0.0.1", .port = peer.port()}};
    spec.timeouts = {
        .connect = std::chrono::seconds(5), .prepare = std::chrono::seconds(5), .stall = std::chrono::seconds(5)};
    return spec;
}

contract::RunReport probe(const contract::RunSpec& spec) {
    const auto dialer = net::tcp_dialer();
    return engine::probe(spec, *dialer, std::chrono::steady_clock::now(), {});
}

class HostileProbe : public ::testing::TestWithParam<HostileCase> {};

TEST_P(HostileProbe, EndsInARowWithItsReason) {
    const auto& hostile = GetParam();
    FakeCatchupServer content;
    ScriptedPeer peer(content);
    hostile.arrange(content, peer);
    auto wanted = spec_for(peer);
    if (hostile.spec) hostile.spec(wanted);

    const auto before = CountedMemory::live();
    CountedMemory::reset_peak();
    const auto start = std::chrono::steady_clock::now();
    const auto report = probe(wanted);
    EXPECT_LE(std::chrono::steady_clock::now() - start, hostile.within);
    EXPECT_LE(CountedMemory::peak() - before, kMostMemory);
    ASSERT_EQ(report.members.size(), 1U);
    const auto& member = report.members[0];
    EXPECT_EQ(to_string(report.reason), to_string(member.reason));
    EXPECT_EQ(to_string(member.reason), to_string(hostile.reason)) << member.message;
    EXPECT_NE(member.message.find(hostile.message), std::string::npos) << member.message;
    if (const auto row = testing::undocumented(member.reason, member.message)) ADD_FAILURE() << *row;
    EXPECT_TRUE(contract::parse_run_report(to_json(report)));
}

std::string name_of(const ::testing::TestParamInfo<HostileCase>& info) {
    return info.param.name;
}

/// Without what shows only in a copy: a probe asks for the store id once, and for no checkpoint.
std::vector<HostileCase> seen_by_a_probe(std::vector<HostileCase> cases) {
    std::erase_if(cases, [](const HostileCase& hostile) {
        return hostile.name == "AnotherStoreEachTime" || hostile.name == "LastTransactionBelowItsCheckpoint";
    });
    return cases;
}

INSTANTIATE_TEST_SUITE_P(Handshake, HostileProbe, ::testing::ValuesIn(seen_by_a_probe(handshake_cases())), name_of);
INSTANTIATE_TEST_SUITE_P(Identity, HostileProbe, ::testing::ValuesIn(seen_by_a_probe(identity_cases())), name_of);

TEST(Probe, AsksNothingThatChangesTheSource) {
    FakeCatchupServer content;
    content.role = FakeCatchupServer::Role::kCore;
    ScriptedPeer peer(content);
    std::mutex mutex;
    std::set<Asked> asked;
    peer.script = [&](const testing::Request& request, testing::Answer&) {
        const std::lock_guard lock(mutex);
        asked.insert(request.type);
        if (request.type == Asked::kPull) {
            EXPECT_FALSE(request.ours) << "it pulls transactions";
        }
    };
    const auto report = probe(spec_for(peer));
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.members.at(0).role, contract::MemberRole::kCore);
    EXPECT_EQ(asked, (std::set<Asked>{Asked::kPull, Asked::kCoreSnapshot, Asked::kStoreId}));
}

TEST(Probe, LeavesTheRoleUnknownWhenItsQuestionIsAnsweredWithRubbish) {
    const catchup::Bytes rubbish(100, std::byte{0x7f});
    for (const auto& change : {instead(rubbish), nothing(testing::Then::kStall), then_for_ever(rubbish)}) {
        FakeCatchupServer content;
        ScriptedPeer peer(content);
        on(Asked::kCoreSnapshot, change)(content, peer);
        auto wanted = spec_for(peer);
        short_stall(wanted);
        const auto start = std::chrono::steady_clock::now();
        const auto report = probe(wanted);
        EXPECT_LE(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
        ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
        EXPECT_EQ(report.members.at(0).role, contract::MemberRole::kUnknown);
        EXPECT_EQ(report.members.at(0).last_transaction, 9);
    }
}

}  // namespace
}  // namespace n4b::engine
