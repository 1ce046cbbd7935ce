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
        return plain_get({.ip = ip, .port = (*server)->port(), .path = path, .timeout = std::chrono::minutes(1)}, {});
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

TEST(PlainGet, EndsInTimeOrWhenStopped) {
    const testing::LoopbackListener silent;
    const PlainRequest request{
        .ip = "127.0.0.1", .port = silent.port(), .path = "/", .timeout = std::chrono::milliseconds(50)};
    EXPECT_EQ(plain_get(request, {}).error().code, ErrorCode::kDeadline);
    std::stop_source stop;
    auto patient = request;
    patient.timeout = std::chrono::minutes(5);
    const std::jthread stopper([&] { stop.request_stop(); });
    EXPECT_EQ(plain_get(patient, stop.get_token()).error().code, ErrorCode::kCancelled);
}

/// The moments of the stop are spread over the whole exchange, so that some fall between two of its steps.
TEST(PlainGet, EndsAtOnceWheneverItIsStopped) {
    constexpr int kMoments = 2000;
    for (int i = 0; i < kMoments; ++i) {
        const testing::LoopbackListener silent;
        const PlainRequest request{
            .ip = "127.0.0.1", .port = silent.port(), .path = "/", .timeout = std::chrono::minutes(1)};
        std::stop_source stop;
        const auto start = std::chrono::steady_clock::now();
        const auto moment = start + i * std::chrono::nanoseconds(100);
        const std::jthread stopper([&] {
            while (std::chrono::steady_clock::now() < moment) {
            }
            stop.request_stop();
        });
        EXPECT_EQ(plain_get(request, stop.get_token()).error().code, ErrorCode::kCancelled);
        ASSERT_LT(std::chrono::steady_clock::now() - start, request.timeout) << "the stop was lost";
    }
}

}  // namespace
}  // namespace n4b::http
