#include "backup-runner/net/tcp_socket.hpp"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace n4b::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Deadline;
using base::ErrorCode;
using base::Reason;
using base::Result;
using boost::system::error_code;

/// A receive window this large keeps a fast server busy while we write to disk; the kernel bounds it by its own limits.
constexpr int kReceiveBuffer = 512 * 1024;
/// A server that starts refuses until it listens, and so does the network of a pod in its first seconds. Each try costs
/// two small packets.
constexpr auto kRefusedPause = std::chrono::milliseconds(250);

}  // namespace

Result<void> TcpSocket::connect(const Address& address, Deadline deadline) {
    error_code parse_error;
    const auto ip = asio::ip::make_address(address.ip, parse_error);
    if (parse_error) return base::fail(ErrorCode::kInvalid, fmt::format("{} is not an address", address.ip));
    const tcp::endpoint endpoint(ip, address.port);
    for (;;) {
        N4B_TRY(const error_code outcome, try_connect(endpoint, deadline));
        if (!outcome) return {};
        if (outcome != asio::error::connection_refused || deadline.left() <= kRefusedPause) {
            return base::fail(ErrorCode::kUnavailable, Reason::kSourceUnreachable, outcome.message());
        }
        N4B_TRY_VOID(pause(kRefusedPause));
    }
}

/// Connects once, with a socket of its own: after a failure the old one is of no use.
Result<error_code> TcpSocket::try_connect(const tcp::endpoint& endpoint, Deadline deadline) {
    close();
    error_code error;
    socket_.open(endpoint.protocol(), error);
    if (!error) socket_.set_option(tcp::no_delay(true), error);
    if (!error) socket_.set_option(asio::socket_base::keep_alive(true), error);
    if (!error) socket_.set_option(asio::socket_base::receive_buffer_size(kReceiveBuffer), error);
    if (error) return base::fail(ErrorCode::kUnavailable, fmt::format("open a socket: {}", error.message()));
    return operations_.run(
        deadline, [&](auto done) { socket_.async_connect(endpoint, done); }, [&] { close(); });
}

/// Cancelled.
Result<void> TcpSocket::pause(std::chrono::milliseconds span) {
    asio::steady_timer timer(operations_.context(), span);
    N4B_TRY_VOID(operations_.run(
        Deadline::never(), [&](auto done) { timer.async_wait(done); }, [&] { timer.cancel(); }));
    return {};
}

Result<std::size_t> TcpSocket::read_some(std::span<std::byte> into, Deadline deadline) {
    std::size_t received = 0;
    N4B_TRY(const error_code outcome, operations_.run(
                                          deadline,
                                          [&](auto done) {
                                              socket_.async_read_some(
                                                  asio::buffer(into.data(), into.size()),
                                                  [done, &received](error_code error, std::size_t n) {
                                                      received = n;
                                                      done(error);
                                                  });
                                          },
                                          [&] { close(); }));
    if (outcome == asio::error::eof) return 0;
    if (outcome) return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, outcome.message());
    return received;
}

Result<void> TcpSocket::write(std::span<const std::byte> bytes, Deadline deadline) {
    N4B_TRY(const error_code outcome, operations_.run(
                                          deadline,
                                          [&](auto done) {
                                              asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                                                                [done](error_code error, std::size_t) { done(error); });
                                          },
                                          [&] { close(); }));
    if (outcome) return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, outcome.message());
    return {};
}

Result<void> TcpSocket::stop_blocking() {
    error_code error;
    socket_.native_non_blocking(true, error);
    if (error) return base::fail(ErrorCode::kInternal, fmt::format("prepare a socket: {}", error.message()));
    return {};
}

Result<void> TcpSocket::wait_readable(Deadline deadline) {
    return wait(tcp::socket::wait_read, deadline);
}

Result<void> TcpSocket::wait_writable(Deadline deadline) {
    return wait(tcp::socket::wait_write, deadline);
}

Result<void> TcpSocket::wait(tcp::socket::wait_type what, Deadline deadline) {
    N4B_TRY(const error_code outcome,
            operations_.run(
                deadline, [&](auto done) { socket_.async_wait(what, done); }, [&] { close(); }));
    if (outcome) return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, outcome.message());
    return {};
}

void TcpSocket::close() {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace n4b::net
