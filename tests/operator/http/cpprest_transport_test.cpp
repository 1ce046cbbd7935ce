#include "operator/http/cpprest_transport.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

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

/// An HTTP server that sends chunks to the first connection as fast as they are taken, and notes when for 300 ms
/// nothing was taken.
class SendsChunks {
public:
    static constexpr std::size_t kChunkBytes = std::size_t{256} << 10U;
    explicit SendsChunks(std::size_t chunks) : chunks_(chunks), thread_([this] { serve(); }) {}
    ~SendsChunks() {
        listener_.shut_down();
        thread_.join();
    }
    SendsChunks(const SendsChunks&) = delete;
    SendsChunks& operator=(const SendsChunks&) = delete;
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", listener_.port()); }
    /// Waits until it could not send on, or had sent everything.
    bool stalled() { return stalled_.get_future().get(); }

private:
    void serve() {
        const int peer = listener_.accept();
        if (peer < 0) return;
        std::array<char, 4096> request{};
        if (::recv(peer, request.data(), request.size(), 0) <= 0) return;
        send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const auto chunk = fmt::format("{:x}\r\n{}\r\n", kChunkBytes, std::string(kChunkBytes, 'x'));
        for (std::size_t i = 0; i < chunks_; ++i) send(peer, chunk);
        send(peer, "0\r\n\r\n");
        if (!told_) stalled_.set_value(false);
        while (::recv(peer, request.data(), request.size(), 0) > 0) {  // Until the client goes.
        }
        ::close(peer);
    }
    void send(int peer, std::string_view text) {
        while (!text.empty()) {
            pollfd writable{.fd = peer, .events = POLLOUT, .revents = 0};
            if (::poll(&writable, 1, 300) == 0 && !std::exchange(told_, true)) stalled_.set_value(true);
            const auto sent = ::send(peer, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN) return;
            if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    n4b::testing::LoopbackListener listener_{};
    std::size_t chunks_;
    bool told_ = false;
    std::promise<bool> stalled_{};
    std::jthread thread_;  ///< Last: it uses the others.
};

std::unique_ptr<Transport> transport_to(const std::string& url, milliseconds gap) {
    static std::once_flag once;
    std::call_once(once, &initialize_http);
    auto transport = make_cpprest_transport({.base_url = url, .stream_gap = gap});
    EXPECT_TRUE(transport);
    return std::move(*transport);
}

TEST(CpprestTransport, AStreamThatNeverBeginsEndsWithItsRequestsTimeout) {
    for (const char* text : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nhalf"}) {
        const FallsSilent server(text);
        const auto transport = transport_to(server.url(), std::chrono::minutes(10));
        const auto done = transport->stream({.path = "/", .timeout = milliseconds(100)}, [](auto) { return true; }, {});
        ASSERT_FALSE(done) << text;
        EXPECT_EQ(done.error().code, ErrorCode::kDeadline) << done.error().message;
    }
}

constexpr char kOneEvent[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent\n\r\n";

TEST(CpprestTransport, AStreamPassesAPieceOnBeforeTheNextComes) {
    const FallsSilent server(kOneEvent);
    const auto transport = transport_to(server.url(), std::chrono::minutes(10));
    std::string pieces;
    const auto done = transport->stream({.path = "/", .timeout = std::chrono::minutes(10)},
                                        [&](std::string_view piece) {
                                            pieces += piece;
                                            return false;
                                        },
                                        {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(pieces, "event\n");
}

/// Says nothing of the piece: on a busy machine the gap may be over before anybody has read it.
TEST(CpprestTransport, AStreamThatFallsSilentEndsAfterTheGap) {
    const FallsSilent server(kOneEvent);
    const auto transport = transport_to(server.url(), milliseconds(300));
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
        const auto done = transport_to(server.url(), std::chrono::minutes(10))
                              ->exchange({.path = "/", .timeout = std::chrono::minutes(4)}, {});
        EXPECT_EQ(done ? done->body.size() : 0, more == 0 ? kMaxBodyBytes : 0);
        EXPECT_EQ(done ? ErrorCode::kInvalid : done.error().code, ErrorCode::kInvalid);
    }
}

TEST(CpprestTransport, ReadsNoFasterThanItsSinkTakes) {
    constexpr std::size_t kChunks = 256;  // 64 MiB: no socket buffer holds that much.
    SendsChunks server(kChunks);
    const auto transport = transport_to(server.url(), std::chrono::minutes(10));
    std::size_t bytes = 0;
    bool stalled = false;
    const auto done = transport->stream({.path = "/", .body_timeout = std::chrono::minutes(2)},
                                        [&](std::string_view piece) {
                                            if (bytes == 0) stalled = server.stalled();
                                            bytes += piece.size();
                                            return true;
                                        },
                                        {});
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_TRUE(stalled);
    EXPECT_EQ(bytes, kChunks * SendsChunks::kChunkBytes);
}

TEST(CpprestTransport, AStreamEndsWhenItsSinkHasHadEnoughThrowsOrIsStopped) {
    for (const int how : {0, 1, 2, 3}) {
        SendsChunks server(256);
        const auto transport = transport_to(server.url(), std::chrono::minutes(10));
        std::stop_source stop;
        int pieces = 0;
        const milliseconds limit = how == 3 ? milliseconds(50) : std::chrono::minutes(2);
        const auto done = transport->stream(
            {.path = "/", .body_timeout = limit},
            [&](std::string_view) {
                ++pieces;
                if (how == 1) throw std::runtime_error("nobody thought of this");
                if (how == 2) stop.request_stop();
                if (how == 3) std::this_thread::sleep_for(milliseconds(20));
                return how != 0;
            },
            stop.get_token());
        EXPECT_TRUE(how == 3 || pieces == 1) << how;
        const auto code = done ? std::nullopt : std::optional(done.error().code);
        const std::optional<ErrorCode> expected[] = {std::nullopt, ErrorCode::kInternal, ErrorCode::kCancelled,
                                                     ErrorCode::kDeadline};
        EXPECT_EQ(code, expected[how]) << how;
    }
}

TEST(CpprestTransport, AnExchangeThatFallsSilentEndsInTime) {
    const FallsSilent server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    const auto transport = transport_to(server.url(), std::chrono::minutes(10));
    const auto done = transport->exchange({.path = "/", .timeout = milliseconds(100)}, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kDeadline) << done.error().message;
}

}  // namespace
}  // namespace n4b::http
