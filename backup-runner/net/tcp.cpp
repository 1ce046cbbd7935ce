#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "backup-runner/net/stream.hpp"

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

/// Runs one asynchronous operation at a time to its end, the deadline or the stop, whichever comes first. This is what
/// makes a blocking interface with deadlines out of Asio 1.74, which has no cancellation slots. One thread.
class Operations {
public:
    explicit Operations(std::stop_token stop) : stop_(std::move(stop)) {}

    asio::io_context& context() { return context_; }

    /// start(done) begins the operation, which calls done(error, ...) once; cancel() ends it early.
    template <typename Start, typename Cancel>
    Result<error_code> run(Deadline deadline, Start start, Cancel cancel) {
        if (stop_.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
        std::optional<error_code> outcome;
        bool stopped = false;
        context_.restart();
        start([&outcome](error_code error) { outcome = error; });
        {
            const std::stop_callback wake(stop_, [&] {
                asio::post(context_, [&] {
                    stopped = true;
                    cancel();
                });
            });
            while (!outcome && !deadline.passed()) run_one(deadline);
            if (!outcome) cancel();
        }
        // The callback is gone, so nothing new is posted: drain what refers to our locals.
        const bool late = !outcome;
        context_.restart();
        context_.run();
        if (stopped) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
        if (late) return base::fail(ErrorCode::kDeadline, "timed out");
        return *outcome;
    }

private:
    void run_one(Deadline deadline) {
        if (deadline.when() == base::SteadyTime::max()) {
            context_.run_one();
        } else {
            context_.run_one_until(deadline.when());
        }
        if (context_.stopped()) context_.restart();
    }

    std::stop_token stop_;
    asio::io_context context_{1};
};

class TcpStream final : public Stream {
public:
    explicit TcpStream(std::stop_token stop) : operations_(std::move(stop)), socket_(operations_.context()) {}

    Result<void> connect(const Address& address, Deadline deadline) {
        error_code parse_error;
        const auto ip = asio::ip::make_address(address.ip, parse_error);
        if (parse_error) return base::fail(ErrorCode::kInvalid, fmt::format("{} is not an address", address.ip));
        const tcp::endpoint endpoint(ip, address.port);
        error_code error;
        socket_.open(endpoint.protocol(), error);
        if (!error) socket_.set_option(tcp::no_delay(true), error);
        if (!error) socket_.set_option(asio::socket_base::keep_alive(true), error);
        if (!error) socket_.set_option(asio::socket_base::receive_buffer_size(kReceiveBuffer), error);
        if (error) return base::fail(ErrorCode::kUnavailable, fmt::format("open a socket: {}", error.message()));
        N4B_TRY(const error_code outcome,
                operations_.run(
                    deadline, [&](auto done) { socket_.async_connect(endpoint, done); }, [&] { close(); }));
        if (outcome) return base::fail(ErrorCode::kUnavailable, Reason::kSourceUnreachable, outcome.message());
        return {};
    }

    Result<std::size_t> read_some(std::span<std::byte> into, Deadline deadline) override {
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

    Result<void> write(std::span<const std::byte> bytes, Deadline deadline) override {
        N4B_TRY(const error_code outcome, operations_.run(
                                              deadline,
                                              [&](auto done) {
                                                  asio::async_write(
                                                      socket_, asio::buffer(bytes.data(), bytes.size()),
                                                      [done](error_code error, std::size_t) { done(error); });
                                              },
                                              [&] { close(); }));
        if (outcome) return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, outcome.message());
        return {};
    }

private:
    void close() {
        error_code ignored;
        socket_.close(ignored);
    }

    Operations operations_;
    tcp::socket socket_;
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
                    [done, &addresses](error_code error, const tcp::resolver::results_type& results) {
                        for (const auto& entry : results) {
                            addresses.push_back(
                                {.ip = entry.endpoint().address().to_string(), .port = entry.endpoint().port()});
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
