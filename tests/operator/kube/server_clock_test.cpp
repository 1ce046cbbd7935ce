#include "operator/kube/server_clock.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_api_script.hpp"

namespace n4b::kube {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Local steady times, and the server's times that belong to them when its clock is an hour ahead of 1970.
const base::SteadyTime kStart = base::SteadyTime() + seconds(1000);
base::SteadyTime local(milliseconds after) {
    return kStart + after;
}
base::SystemTime server(milliseconds after) {
    return base::SystemTime(hours(1) + after);
}

TEST(ServerClock, IsTheLocalClockUntilTheFirstAnswer) {
    const ServerClock clock;
    const auto difference = clock.system_now() - base::RealClock().system_now();
    EXPECT_FALSE(clock.learnt());
    EXPECT_LT(std::chrono::abs(difference), seconds(5));
}

TEST(ServerClock, GoesByTheServersDateAndTheLocalSteadyClock) {
    ServerClock clock;
    clock.learn(server(seconds(0)), local(milliseconds(0)), local(milliseconds(0)));
    EXPECT_TRUE(clock.learnt());
    EXPECT_EQ(clock.at(local(milliseconds(0))), server(milliseconds(500))) << "Date cuts off half a second on average";
    EXPECT_EQ(clock.at(local(hours(5))), server(hours(5) + milliseconds(500)));
}

TEST(ServerClock, DoesNotMoveWhileAnswersAllowWhereItStands) {
    ServerClock clock;
    clock.learn(server(seconds(0)), local(milliseconds(0)), local(milliseconds(0)));
    for (int i = 1; i < 50; ++i) {
        const auto now = milliseconds(i * 130);
        clock.learn(server(std::chrono::floor<seconds>(now + milliseconds(500))), local(now), local(now));
        EXPECT_EQ(clock.at(local(now)), server(now + milliseconds(500))) << i;
    }
}

TEST(ServerClock, MovesByTheLeastThatAnAnswerProves) {
    ServerClock clock;
    clock.learn(server(seconds(10)), local(seconds(10)), local(seconds(10)));
    // The server's time was below 11 s when the local one was 10.8 s: 300 ms too far.
    clock.learn(server(seconds(10)), local(milliseconds(10'800)), local(milliseconds(10'800)));
    EXPECT_EQ(clock.at(local(milliseconds(10'800))), server(milliseconds(11'000)));
    // It was at least 15 s when the local one was 14 s: 800 ms too little.
    clock.learn(server(seconds(15)), local(seconds(14)), local(seconds(14)));
    EXPECT_EQ(clock.at(local(seconds(14))), server(seconds(15)));
    // The clock of the server was set back by an hour.
    clock.learn(server(seconds(15)) - hours(1), local(seconds(15)), local(seconds(15)));
    EXPECT_EQ(clock.at(local(seconds(15))), server(seconds(16)) - hours(1));
}

TEST(ServerClock, ASlowAnswerProvesLittle) {
    ServerClock clock;
    clock.learn(server(seconds(0)), local(seconds(0)), local(seconds(0)));
    clock.learn(server(seconds(5)), local(seconds(1)), local(seconds(9)));
    EXPECT_EQ(clock.at(local(seconds(9))), server(milliseconds(9'500)));
}

TEST(ServerClock, LearnsFromAnswersButNotFromAProxysErrors) {
    ServerClock clock;
    testing::FakeApiScript inner;
    ClockedTransport transport(inner, clock);
    inner.answers.emplace_back(http::Response{.status = 503, .date = server(seconds(0))});
    inner.answers.emplace_back(http::Response{.status = 404, .date = server(seconds(0))});
    EXPECT_TRUE(transport.exchange({}, {}));
    EXPECT_FALSE(clock.learnt());
    EXPECT_TRUE(transport.exchange({}, {}));
    EXPECT_TRUE(clock.learnt());
    EXPECT_LT(std::chrono::abs(clock.system_now() - server(seconds(0))), seconds(60));
}

TEST(ServerClock, LearnsFromAList) {
    ServerClock clock;
    testing::FakeApiScript inner;
    ClockedTransport transport(inner, clock);
    inner.answers.emplace_back(http::Response{.status = 200, .body = "{}", .date = server(seconds(0))});
    std::string body;
    EXPECT_TRUE(transport.stream({.path = "/p"},
                                 [&](std::string_view piece) {
                                     body += piece;
                                     return true;
                                 },
                                 {}));
    EXPECT_EQ(body, "{}");
    EXPECT_LT(std::chrono::abs(clock.system_now() - server(seconds(0))), seconds(60));
}

}  // namespace
}  // namespace n4b::kube
