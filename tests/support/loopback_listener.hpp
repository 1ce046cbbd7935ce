#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace n4b::testing {

/// A port of loopback that is taken, but where nobody listens: whoever connects is refused.
class LoopbackPort {
public:
    LoopbackPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
    }
    ~LoopbackPort() { ::close(fd_); }
    LoopbackPort(const LoopbackPort&) = delete;
    LoopbackPort& operator=(const LoopbackPort&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }

protected:
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
    std::uint16_t port_ = 0;
};

/// A listening socket on a free port of loopback. Whoever connects is taken by the kernel, and hears nothing.
class LoopbackListener : public LoopbackPort {
public:
    LoopbackListener() { EXPECT_EQ(::listen(fd(), 4), 0); }

    /// For the options of connections to come.
    [[nodiscard]] int descriptor() const { return fd(); }
    [[nodiscard]] int accept() const { return ::accept(fd(), nullptr, nullptr); }
    /// Ends an accept() that waits in another thread.
    void shut_down() const { ::shutdown(fd(), SHUT_RDWR); }
};

}  // namespace n4b::testing
