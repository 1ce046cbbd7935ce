#include "common/httpd/server.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/http_exchange.hpp"

namespace n4b::httpd {
namespace {

using testing::http_exchange;

std::unique_ptr<Server> serve() {
    auto server = Server::start({.handlers = {{"/healthz", [] { return Response{.body = "ok\n"}; }},
                                              {"/down", [] { return Response{.status = 503, .body = "no\n"}; }}}});
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
}

TEST(HttpServer, AnswersItsPaths) {
    const auto server = serve();
    const auto reply =
        http_exchange(server->port(), "GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK")) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\nok\n")) << reply;
    EXPECT_TRUE(http_exchange(server->port(), "GET /down HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 503"));
}

TEST(HttpServer, RefusesWhatItDoesNotServe) {
    const auto server = serve();
    EXPECT_TRUE(http_exchange(server->port(), "GET /other HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
    EXPECT_TRUE(http_exchange(server->port(), "POST /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405"));
}

TEST(HttpServer, ClosesOnHeadersBeyondItsLimit) {
    const auto server = serve();
    EXPECT_EQ(http_exchange(server->port(), "GET /healthz HTTP/1.1\r\nX: " + std::string(9000, 'a')), "");
}

TEST(HttpServer, TellsThatAPortIsTaken) {
    const auto server = serve();
    const auto second = Server::start({.port = server->port()});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace n4b::httpd
