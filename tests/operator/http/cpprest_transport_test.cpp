#include "operator/http/cpprest_transport.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <thread>

namespace n4b::http {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using testing::ElementsAre;

/// An HTTP server that sends one text to the first connection, and is silent for ever after.
class FallsSilent {
public:
    explicit FallsSilent(std::string text) : text_(std::move(text)), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(fd_, 4), 0);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { serve(); });
    }
    ~FallsSilent() {
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
    }
    FallsSilent(const FallsSilent&) = delete;
    FallsSilent& operator=(const FallsSilent&) = delete;
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

private:
    void serve() {
        const int peer = ::accept(fd_, nullptr, nullptr);
        if (peer < 0) return;
        std::array<char, 4096> request{};
        if (::recv(peer, request.data(), request.size(), 0) > 0 && !text_.empty()) {
            // Fails when the client has had enough.
            [[maybe_unused]] const auto sent = ::send(peer, text_.data(), text_.size(), MSG_NOSIGNAL);
        }
        while (::recv(peer, request.data(), request.size(), 0) > 0) {  // Until the client goes.
        }
        ::close(peer);
    }

    std::string text_;
    int fd_;
    std::uint16_t port_ = 0;
    std::jthread thread_{};
};

std::unique_ptr<Transport> transport_to(const FallsSilent& server, milliseconds gap) {
    static std::once_flag once;
    std::call_once(once, &initialize_http);
    auto transport = make_cpprest_transport({.base_url = server.url(), .stream_gap = gap});
    EXPECT_TRUE(transport);
    return std::move(*transport);
}

TEST(CpprestTransport, AStreamThatNeverBeginsEndsWithItsRequestsTimeout) {
    for (const char* text : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nhalf"}) {
        const FallsSilent server(text);
        const auto transport = transport_to(server, std::chrono::minutes(10));
        const auto done = transport->stream({.path = "/", .timeout = milliseconds(100)}, [](auto) { return true; }, {});
        ASSERT_FALSE(done) << text;
        EXPECT_EQ(done.error().code, ErrorCode::kDeadline) << done.error().message;
    }
}

TEST(CpprestTransport, AStreamThatFallsSilentEndsAfterTheGap) {
    const FallsSilent server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent\n\r\n");
    const auto transport = transport_to(server, milliseconds(300));
    std::vector<std::string> lines;
    const auto done = transport->stream({.path = "/", .timeout = milliseconds(100)},
                                        [&](std::string_view line) {
                                            lines.emplace_back(line);
                                            return true;
                                        },
                                        {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kDeadline) << done.error().message;
    EXPECT_THAT(lines, ElementsAre("event"));
}

TEST(CpprestTransport, TakesNoAnswerThatIsLongerThanAllowed) {
    for (const std::size_t more : {0, 1}) {
        const auto length = kMaxBodyBytes + more;
        const FallsSilent server(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", length) +
                                 std::string(length, 'x'));
        const auto done = transport_to(server, std::chrono::minutes(10))->exchange({.path = "/"}, {});
        EXPECT_EQ(done ? done->body.size() : 0, more == 0 ? kMaxBodyBytes : 0);
        EXPECT_EQ(done ? ErrorCode::kInvalid : done.error().code, ErrorCode::kInvalid);
    }
}

TEST(CpprestTransport, AnExchangeThatFallsSilentEndsInTime) {
    const FallsSilent server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    const auto transport = transport_to(server, std::chrono::minutes(10));
    const auto done = transport->exchange({.path = "/", .timeout = milliseconds(100)}, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kDeadline) << done.error().message;
}

}  // namespace
}  // namespace n4b::http
