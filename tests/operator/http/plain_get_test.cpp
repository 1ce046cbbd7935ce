#include "operator/http/plain_get.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "common/httpd/server.hpp"
#include "tests/support/loopback_listener.hpp"

namespace n4b::http {
namespace {

using base::ErrorCode;

TEST(PlainGet, BringsTheBodyOfASmallAnswer) {
    const auto server =
        httpd::Server::start({.handlers = {{"/progress", [] { return httpd::Response{.body = "{}"}; }},
                                           {"/long", [] { return httpd::Response{.body = std::string(5000, 'x')}; }}}});
    ASSERT_TRUE(server);
    const auto get = [&](const char* path, const char* ip = "127.0.0.1") {
        return plain_get({.ip = ip, .port = (*server)->port(), .path = path}, {});
    };
    EXPECT_EQ(get("/progress").value_or("error"), "{}");
    const auto too_long = get("/long");
    ASSERT_FALSE(too_long) << too_long->size();
    EXPECT_EQ(too_long.error().code, ErrorCode::kInvalid) << too_long.error().message;
    const auto nothing = get("/nothing");
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(get("/progress", "a-name").error().code, ErrorCode::kInvalid);
    EXPECT_EQ(get("/progress", "127.0.0.2").value_or("error"), "{}");
}

TEST(PlainGet, EndsInTime) {
    const testing::LoopbackListener silent;
    const PlainRequest request{
        .ip = "127.0.0.1", .port = silent.port(), .path = "/", .timeout = std::chrono::milliseconds(50)};
    EXPECT_EQ(plain_get(request, {}).error().code, ErrorCode::kDeadline);
}

TEST(PlainGet, EndsAtOnceWhereverItIsStopped) {
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < 300; ++round) {
        const testing::LoopbackListener silent;
        const PlainRequest patient{
            .ip = "127.0.0.1", .port = silent.port(), .path = "/", .timeout = std::chrono::seconds(20)};
        std::stop_source stop;
        const std::jthread stopper([&] {
            std::this_thread::sleep_for(std::chrono::microseconds(round % 100));
            stop.request_stop();
        });
        ASSERT_EQ(plain_get(patient, stop.get_token()).error().code, ErrorCode::kCancelled);
        ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15)) << "round " << round;
    }
}

}  // namespace
}  // namespace n4b::http
