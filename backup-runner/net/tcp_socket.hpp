#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <span>
#include <stop_token>
#include <utility>

#include "backup-runner/net/operations.hpp"
#include "backup-runner/net/stream.hpp"

namespace n4b::net {

/// A TCP connection with blocking calls that end at their deadline or at the stop, and are then closed. One thread.
class TcpSocket {
public:
    explicit TcpSocket(std::stop_token stop) : operations_(std::move(stop)), socket_(operations_.context()) {}

    /// A connection that is refused is tried again until the deadline. Unavailable (SourceUnreachable): refused so
    /// long, or no route. Deadline, Cancelled.
    base::Result<void> connect(const Address& address, base::Deadline deadline);

    /// As Stream's.
    base::Result<std::size_t> read_some(std::span<std::byte> into, base::Deadline deadline);
    base::Result<void> write(std::span<const std::byte> bytes, base::Deadline deadline);

    /// From now on native() neither blocks on recv nor on send.
    base::Result<void> stop_blocking();
    /// Blocks until the socket can be read or written, or has failed. Deadline, Cancelled.
    base::Result<void> wait_readable(base::Deadline deadline);
    base::Result<void> wait_writable(base::Deadline deadline);

    /// The descriptor; -1 once it is closed.
    [[nodiscard]] int native() { return socket_.native_handle(); }
    [[nodiscard]] bool stop_requested() const { return operations_.stop_requested(); }

private:
    base::Result<boost::system::error_code> try_connect(const boost::asio::ip::tcp::endpoint& endpoint,
                                                        base::Deadline deadline);
    base::Result<void> pause(std::chrono::milliseconds span);
    base::Result<void> wait(boost::asio::ip::tcp::socket::wait_type what, base::Deadline deadline);
    void close();

    Operations operations_;
    boost::asio::ip::tcp::socket socket_;
};

}  // namespace n4b::net
