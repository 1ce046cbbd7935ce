#include "operator/http/cpprest_transport.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <thread>

#include "tests/support/loopback_listener.hpp"

namespace n4b::http {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using ::testing::ElementsAre;

/// An HTTP server that sends one text to the first connection, and is silent for ever after.
class FallsSilent {
public:
    explicit FallsSilent(std::string text) : text_(std::move(text)), thread_([this] { serve(); }) {}
    ~FallsSilent() {
        listener_.shut_down();
        thread_.join();
    }
    FallsSilent(const FallsSilent&) = delete;
    FallsSilent& operator=(const FallsSilent&) = delete;
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", listener_.port()); }

private:
    void serve() {
        const int peer = listener_.accept();
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

    n4b::testing::LoopbackListener listener_{};
    std::string text_;
    std::jthread thread_;  ///< Last: it uses the others.
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

constexpr char kOneEvent[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent\n\r\n";

TEST(CpprestTransport, AStreamPassesALineOnBeforeTheNextComes) {
    const FallsSilent server(kOneEvent);
    const auto transport = transport_to(server, std::chrono::minutes(10));
    std::vector<std::string> lines;
    const auto done = transport->stream({.path = "/", .timeout = std::chrono::minutes(10)},
                                        [&](std::string_view line) {
                                            lines.emplace_back(line);
                                            return false;
                                        },
                                        {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_THAT(lines, ElementsAre("event"));
}

/// Says nothing of the line: on a busy machine the gap may be over before anybody has read it.
TEST(CpprestTransport, AStreamThatFallsSilentEndsAfterTheGap) {
    const FallsSilent server(kOneEvent);
    const auto transport = transport_to(server, milliseconds(300));
    const auto start = std::chrono::steady_clock::now();
    const auto done =
        transport->stream({.path = "/", .timeout = std::chrono::minutes(1)}, [](auto) { return true; }, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kDeadline) << done.error().message;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(1)) << "the gap is not what ended it";
}

TEST(CpprestTransport, TakesNoAnswerThatIsLongerThanAllowed) {
    for (const std::size_t more : {0, 1}) {
        const auto length = kMaxBodyBytes + more;
        const FallsSilent server(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", length) +
                                 std::string(length, 'x'));
        const auto done = transport_to(server, std::chrono::minutes(10))
                              ->exchange({.path = "/", .timeout = std::chrono::minutes(4)}, {});
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
