#include <fmt/format.h>

#include <utility>

#include "backup-runner/net/name_lookup.hpp"
#include "backup-runner/net/stream.hpp"
#include "backup-runner/net/tcp_socket.hpp"

namespace n4b::net {
namespace {

using base::Deadline;
using base::ErrorCode;
using base::Reason;
using base::Result;

class TcpStream final : public Stream {
public:
    explicit TcpStream(std::stop_token stop) : socket_(std::move(stop)) {}

    Result<void> connect(const Address& address, Deadline deadline) { return socket_.connect(address, deadline); }
    Result<std::size_t> read_some(std::span<std::byte> into, Deadline deadline) override {
        return socket_.read_some(into, deadline);
    }
    Result<void> write(std::span<const std::byte> bytes, Deadline deadline) override {
        return socket_.write(bytes, deadline);
    }

private:
    TcpSocket socket_;
};

class TcpDialer final : public Dialer {
public:
    Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port, Deadline deadline,
                                         std::stop_token stop) override {
        auto addresses = look_up_name(host, port, deadline, stop);
        if (!addresses && addresses.error().code == ErrorCode::kCancelled) return addresses;
        if (!addresses || addresses->empty()) {
            return base::fail(
                ErrorCode::kNotFound, Reason::kSourceNameNotResolved,
                fmt::format("resolve {}: {}", host, addresses ? "it has no address" : addresses.error().message));
        }
        return addresses;
    }

    Result<std::unique_ptr<Stream>> connect(const Address& address, Deadline deadline, std::stop_token stop) override {
        auto stream = std::make_unique<TcpStream>(std::move(stop));
        if (auto done = stream->connect(address, deadline); !done) {
            auto error = done.error().wrap("connect to " + to_string(address));
            if (error.code == ErrorCode::kDeadline) error.reason = Reason::kSourceUnreachable;
            return base::fail(std::move(error));
        }
        return std::unique_ptr<Stream>(std::move(stream));
    }
};

}  // namespace

std::string to_string(const Address& address) {
    const bool v6 = address.ip.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", address.ip, address.port) : fmt::format("{}:{}", address.ip, address.port);
}

std::unique_ptr<Dialer> tcp_dialer() {
    return std::make_unique<TcpDialer>();
}

}  // namespace n4b::net
