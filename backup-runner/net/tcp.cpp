#include <fmt/format.h>

#include <utility>

#include "backup-runner/net/stream.hpp"
#include "backup-runner/net/tcp_socket.hpp"

namespace n4b::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Deadline;
using base::ErrorCode;
using base::Reason;
using base::Result;
using boost::system::error_code;

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
        Operations operations(std::move(stop));
        tcp::resolver resolver(operations.context());
        std::vector<Address> addresses;
        const auto outcome = operations.run(
            deadline,
            [&](auto done) {
                resolver.async_resolve(
                    host, std::to_string(port),
                    [done, &addresses, &host](error_code error, const tcp::resolver::results_type& results) {
                        for (const auto& entry : results) {
                            addresses.push_back({.ip = entry.endpoint().address().to_string(),
                                                 .port = entry.endpoint().port(),
                                                 .host = host});
                        }
                        done(error);
                    });
            },
            [&] { resolver.cancel(); });
        if (!outcome && outcome.error().code == ErrorCode::kCancelled) return base::fail(outcome.error());
        if (!outcome || *outcome || addresses.empty()) {
            const auto why = !outcome ? outcome.error().message : outcome->message();
            return base::fail(ErrorCode::kNotFound, Reason::kSourceNameNotResolved,
                              fmt::format("resolve {}: {}", host, why));
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
