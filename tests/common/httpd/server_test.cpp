#include "common/httpd/server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace n4b::httpd {
namespace {

/// Sends raw bytes and reads until the server closes.
std::string exchange(std::uint16_t port, const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string reply;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
        reply.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
    return reply;
}

std::unique_ptr<Server> serve() {
    auto server = Server::start({.handlers = {{"/healthz", [] { return Response{.body = "ok\n"}; }},
                                              {"/down", [] { return Response{.status = 503, .body = "no\n"}; }}}});
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
}

TEST(HttpServer, AnswersItsPaths) {
    const auto server = serve();
    const auto reply = exchange(server->port(), "GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK")) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\nok\n")) << reply;
    EXPECT_TRUE(exchange(server->port(), "GET /down HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 503"));
}

TEST(HttpServer, RefusesWhatItDoesNotServe) {
    const auto server = serve();
    EXPECT_TRUE(exchange(server->port(), "GET /other HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
    EXPECT_TRUE(exchange(server->port(), "POST /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405"));
}

TEST(HttpServer, ClosesOnHeadersBeyondItsLimit) {
    const auto server = serve();
    EXPECT_EQ(exchange(server->port(), "GET /healthz HTTP/1.1\r\nX: " + std::string(9000, 'a')), "");
}

TEST(HttpServer, TellsThatAPortIsTaken) {
    const auto server = serve();
    const auto second = Server::start({.port = server->port()});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace n4b::httpd
