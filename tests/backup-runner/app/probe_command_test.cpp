#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "backup-runner/app/commands.hpp"
#include "common/contract/run_report.hpp"
#include "tests/support/loopback_listener.hpp"
#include "tests/support/scripted_peer.hpp"

namespace n4b::runner {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A read replica on loopback, and a port that refuses.
class ProbeCommandTest : public ::testing::Test {
protected:
    ProbeCommandTest() {
        const testing::LoopbackListener closed;
        options_.spec.command = contract::Command::kProbe;
        options_.spec.run = {.uid = "u", .attempt = 1};
        options_.spec.timeouts.connect = std::chrono::milliseconds(600);
        live_ = {.host = "127.0.0.1", .port = peer_.port(), .member = "replica-0"};
        refusing_ = {.host = "127.0.0.1", .port = closed.port()};
    }

    /// Runs the probe; its exit code. What it prints is in out_ and err_.
    int run() {
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = runner::run(options_, std::chrono::steady_clock::now(), {});
        err_ = ::testing::internal::GetCapturedStderr();
        std::istringstream stream(::testing::internal::GetCapturedStdout());
        out_.clear();
        for (std::string line; std::getline(stream, line);) out_.push_back(line);
        return code;
    }

    testing::FakeCatchupServer content_;
    testing::ScriptedPeer peer_{content_};
    contract::Endpoint live_, refusing_;
    ProbeOptions options_{};
    std::vector<std::string> out_;
    std::string err_;
};

TEST_F(ProbeCommandTest, ShowsPeopleATable) {
    options_.output = ProbeOutput::kTable;
    options_.spec.endpoints = {refusing_, live_};
    EXPECT_EQ(run(), 0) << err_;
    EXPECT_THAT(out_, ElementsAre(StartsWith("ADDRESS"), HasSubstr("  SourceUnreachable: connect to 127.0.0.1:"),
                                  AllOf(HasSubstr("  replica-0  ReadReplica  unknown  "), HasSubstr("  none  ")),
                                  "1 of 2 members answered"));
    EXPECT_EQ(err_, "");
}

TEST_F(ProbeCommandTest, WritesALineOfJsonForEachServer) {
    options_.output = ProbeOutput::kJson;
    options_.spec.endpoints = {live_, refusing_};
    EXPECT_EQ(run(), 0) << err_;
    EXPECT_THAT(
        out_, ElementsAre(AllOf(HasSubstr(R"("lastTransaction":9)"), HasSubstr(R"("role":"ReadReplica")"),
                                HasSubstr(R"("reason":"Completed")"), Not(HasSubstr("message"))),
                          AllOf(HasSubstr(R"("reason":"SourceUnreachable")"), HasSubstr(R"("message":"connect to )"))));
}

TEST_F(ProbeCommandTest, EndsWithTheClassOfTheFirstWhenNobodyAnswers) {
    for (const auto output : {ProbeOutput::kTable, ProbeOutput::kJson, ProbeOutput::kReport}) {
        options_.output = output;
        options_.spec.endpoints = {refusing_};
        EXPECT_EQ(run(), 20);
        EXPECT_THAT(err_, StartsWith("error: SourceUnreachable: connect to 127.0.0.1:"));
    }
}

TEST_F(ProbeCommandTest, TellsTheOperatorInItsReport) {
    options_.spec.endpoints = {live_, refusing_};
    const std::string log = ::testing::TempDir() + "n4b-probe-termination-log";
    std::ofstream(log).flush();
    ::setenv("N4B_TERMINATION_LOG", log.c_str(), 1);
    EXPECT_EQ(run(), 0) << err_;
    ::unsetenv("N4B_TERMINATION_LOG");
    std::ostringstream text;
    text << std::ifstream(log).rdbuf();
    ::unlink(log.c_str());
    const auto report = contract::parse_run_report(text.str());
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->run_uid, "u");
    ASSERT_EQ(report->members.size(), 2U);
    EXPECT_EQ(report->members[0].member, "replica-0");
    EXPECT_EQ(report->members[1].reason, base::Reason::kSourceUnreachable);
    EXPECT_THAT(out_, ElementsAre(text.str()));
}

TEST_F(ProbeCommandTest, TlsMaterialThatCannotBeReadIsTold) {
    options_.output = ProbeOutput::kTable;
    options_.spec.endpoints = {live_};
    options_.spec.tls = contract::TlsSpec{.directory = "/nowhere"};
    EXPECT_EQ(run(), 30);
    EXPECT_THAT(err_, StartsWith("error: TlsMaterialInvalid: "));
    EXPECT_TRUE(out_.empty());
}

}  // namespace
}  // namespace n4b::runner
