#include "operator/http/plain_get.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "common/httpd/server.hpp"

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

/// A socket that takes connections and never answers.
class Silent {
public:
    Silent() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(fd_, 4), 0);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
    }
    ~Silent() { ::close(fd_); }
    Silent(const Silent&) = delete;
    Silent& operator=(const Silent&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    int fd_;
    std::uint16_t port_ = 0;
};

TEST(PlainGet, EndsInTimeOrWhenStopped) {
    const Silent silent;
    const PlainRequest request{
        .ip = "127.0.0.1", .port = silent.port(), .path = "/", .timeout = std::chrono::milliseconds(50)};
    EXPECT_EQ(plain_get(request, {}).error().code, ErrorCode::kDeadline);
    std::stop_source stop;
    auto patient = request;
    patient.timeout = std::chrono::minutes(5);
    const std::jthread stopper([&] { stop.request_stop(); });
    EXPECT_EQ(plain_get(patient, stop.get_token()).error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace n4b::http
