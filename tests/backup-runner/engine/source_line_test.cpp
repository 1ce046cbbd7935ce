#include "backup-runner/engine/source_line.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_catchup_server.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A line to a server whose connections break or fail as told.
class SourceLineTest : public ::testing::Test {
protected:
    SourceLineTest() {
        server_.addresses = {{"replica-0", "10.0.0.1"}};
        server_.on_connect = [this]() -> Result<void> {
            ++connects_;
            if (connects_ <= failures_) return base::fail(code_, failure_, "a connection fails");
            return {};
        };
    }

    /// Asks for the store id; the first `breaks` times the connection ends instead.
    Result<txlog::StoreId> ask(int breaks = 0) {
        return line_.request([&](catchup::Session& session) -> Result<txlog::StoreId> {
            if (++asked_ > breaks) return session.store_id();
            return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, "broken");
        });
    }

    testing::FakeCatchupServer server_;
    int failures_ = 0;
    ErrorCode code_ = ErrorCode::kUnavailable;
    Reason failure_ = Reason::kSourceUnreachable;
    int connects_ = 0;
    int asked_ = 0;
    base::RealClock clock_;
    BandwidthLimit limit_{0, clock_};
    CopySource source_{.address = {.ip = "10.0.0.1", .port = 6362},
                       .host = "replica-0",
                       .family = catchup::Family::kNeo4j,
                       .store_id = {},
                       .options = {.stall = seconds(60)},
                       .limit = limit_};
    std::stop_source stop_;
    SourceLine line_{{.dialer = server_, .source = source_, .chance = [] { return 0.0; }, .stop = stop_.get_token()},
                     nullptr};
};

TEST_F(SourceLineTest, WaitsForASourceThatIsAwayForLongerThanTheTriesOfARequestTake) {
    failures_ = 5;
    ASSERT_TRUE(ask());
    EXPECT_EQ(connects_, 6);
}

TEST_F(SourceLineTest, TakesUpAReconnectWhoseHandshakeFellSilent) {
    failures_ = 1;
    failure_ = Reason::kSourceStalled;
    EXPECT_TRUE(ask());
}

TEST_F(SourceLineTest, GivesUpOnceTheStallTimeoutHasPassed) {
    failures_ = 1000;
    source_.options.stall = milliseconds(300);
    const auto start = std::chrono::steady_clock::now();
    const auto answer = ask();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().reason, Reason::kSourceUnreachable);
    EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(300));
    EXPECT_LE(connects_, 4);
}

TEST_F(SourceLineTest, TellsASilentHandshakeFromOneThatIsClosed) {
    failures_ = 1000;
    source_.options.stall = milliseconds(0);
    failure_ = Reason::kNotCatchupServer;
    EXPECT_EQ(ask().error().reason, Reason::kSourceConnectionLost);
    code_ = ErrorCode::kDeadline;
    EXPECT_EQ(ask().error().reason, Reason::kSourceStalled);
}

TEST_F(SourceLineTest, EndsAtOnceWhenTheNameHasAnotherAddress) {
    failures_ = 1000;
    server_.addresses = {{"replica-0", "10.0.0.2"}};
    EXPECT_FALSE(ask());
    EXPECT_EQ(connects_, 1);
}

TEST_F(SourceLineTest, WaitsWhileTheNameHasNoAddress) {
    failures_ = 1;
    source_.host = "unknown";
    EXPECT_TRUE(ask());
}

TEST_F(SourceLineTest, EndsAtTheDeadlineOfTheAttempt) {
    failures_ = 1000;
    source_.options.deadline = base::Deadline::after(milliseconds(200));
    EXPECT_FALSE(ask());
    EXPECT_LE(connects_, 3);
}

TEST_F(SourceLineTest, EndsWhenStopped) {
    failures_ = 1000;
    stop_.request_stop();
    EXPECT_FALSE(ask());
    EXPECT_EQ(connects_, 1);
}

TEST_F(SourceLineTest, EndsAtOnceForWhatNoWaitMends) {
    failures_ = 1;
    failure_ = Reason::kServerCertificateExpired;
    EXPECT_FALSE(ask());
    EXPECT_EQ(connects_, 1);
}

TEST_F(SourceLineTest, MakesARequestFiveTimesThatBreaksEachTime) {
    EXPECT_FALSE(ask(5));
    EXPECT_EQ(asked_, 5);
}

}  // namespace
}  // namespace n4b::engine
