#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "backup-runner/net/stream.hpp"
#include "tests/support/loopback_listener.hpp"

namespace n4b::net {
namespace {

using base::Deadline;
using base::ErrorCode;
using base::Reason;

class Listener : public testing::LoopbackListener {
public:
    [[nodiscard]] Address address() const { return {.ip = "127.0.0.1", .port = port()}; }
};

Deadline soon() {
    return Deadline::after(std::chrono::milliseconds(50));
}
Deadline later() {
    return Deadline::after(std::chrono::seconds(30));
}

TEST(Tcp, SendsAndReceivesUntilTheEnd) {
    const Listener listener;
    auto stream = tcp_dialer()->connect(listener.address(), later(), {});
    ASSERT_TRUE(stream) << stream.error().message;
    const int peer = listener.accept();
    const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
    ASSERT_TRUE((*stream)->write(sent, later()));
    std::array<std::byte, 8> buffer{};
    ASSERT_EQ(::recv(peer, buffer.data(), 3, MSG_WAITALL), 3);
    ASSERT_EQ(::send(peer, buffer.data(), 3, 0), 3);
    EXPECT_EQ((*stream)->read_some(buffer, later()).value(), 3U);
    ::close(peer);
    EXPECT_EQ((*stream)->read_some(buffer, later()).value(), 0U);
}

TEST(Tcp, EndsAtItsDeadline) {
    const Listener listener;
    auto stream = tcp_dialer()->connect(listener.address(), later(), {});
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ((*stream)->read_some(buffer, soon()).error().code, ErrorCode::kDeadline);
}

TEST(Tcp, EndsWhenStoppedFromAnotherThread) {
    const Listener listener;
    std::stop_source stop;
    auto stream = tcp_dialer()->connect(listener.address(), later(), stop.get_token());
    std::array<std::byte, 8> buffer{};
    const std::jthread stopper([&] { stop.request_stop(); });
    EXPECT_EQ((*stream)->read_some(buffer, later()).error().code, ErrorCode::kCancelled);
}

TEST(Tcp, TellsAReset) {
    const Listener listener;
    auto stream = tcp_dialer()->connect(listener.address(), later(), {});
    const int peer = listener.accept();
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(peer);
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ((*stream)->read_some(buffer, later()).error().reason, Reason::kSourceConnectionLost);
}

/// A port of loopback that refuses connections until it listens.
class LatePort final : public testing::LoopbackPort {
public:
    void listen() const { EXPECT_EQ(::listen(fd(), 4), 0); }
    [[nodiscard]] Address address() const { return {.ip = "127.0.0.1", .port = port()}; }
};

TEST(Tcp, TellsWhoRefusesWhenItsTimeIsOver) {
    const LatePort closed;
    const auto stream = tcp_dialer()->connect(closed.address(), Deadline::after(std::chrono::milliseconds(700)), {});
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().reason, Reason::kSourceUnreachable);
    EXPECT_NE(stream.error().message.find("Connection refused"), std::string::npos) << stream.error().message;
}

TEST(Tcp, TriesARefusedConnectionAgain) {
    const LatePort port;
    const std::jthread server([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(600));
        port.listen();
    });
    const auto stream = tcp_dialer()->connect(port.address(), later(), {});
    EXPECT_TRUE(stream) << stream.error().message;
}

TEST(Tcp, StopsTryingARefusedConnectionWhenStopped) {
    const LatePort closed;
    std::stop_source stop;
    const std::jthread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        stop.request_stop();
    });
    EXPECT_EQ(tcp_dialer()->connect(closed.address(), later(), stop.get_token()).error().code, ErrorCode::kCancelled);
}

TEST(Tcp, ResolvesLiteralsAndTellsUnknownNames) {
    const auto dialer = tcp_dialer();
    const auto literal = dialer->resolve("::1", 6362, later(), {});
    ASSERT_TRUE(literal);
    EXPECT_EQ(to_string(literal->front()), "[::1]:6362");
    EXPECT_EQ(dialer->resolve("no-such-host.invalid", 1, later(), {}).error().reason, Reason::kSourceNameNotResolved);
}

}  // namespace
}  // namespace n4b::net
