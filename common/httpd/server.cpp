#include "common/httpd/server.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace n4b::httpd {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

/// What one peer may cost us: enough for a kubelet, a Prometheus and an operator at once.
constexpr std::size_t kMaxConnections = 32;
constexpr std::uint32_t kMaxHeaderBytes = 8 * 1024;
constexpr auto kRequestTime = std::chrono::seconds(5);
/// When accept() fails (no file descriptors), trying again at once would spin.
constexpr auto kAcceptPause = std::chrono::milliseconds(200);

using Handlers = std::map<std::string, Handler>;
using Request = http::request<http::empty_body>;

Response answer(const Handlers& handlers, const Request& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        return {.status = 405, .body = "only GET and HEAD\n"};
    }
    const auto target = request.target();
    const std::string path(target.substr(0, target.find('?')));
    const auto found = handlers.find(path);
    if (found == handlers.end()) return {.status = 404, .body = "not found\n"};
    return found->second();
}

/// One connection; lives in the handlers that hold it.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(tcp::socket socket, const Handlers& handlers, std::size_t& open)
        : stream_(std::move(socket)), handlers_(handlers), open_(open) {
        ++open_;
    }
    ~Session() { --open_; }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void read() {
        parser_.emplace();
        parser_->header_limit(kMaxHeaderBytes);
        parser_->body_limit(0);
        stream_.expires_after(kRequestTime);
        http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error) self->write();
        });
    }

private:
    void write() {
        const auto& request = parser_->get();
        auto result = answer(handlers_, request);
        response_ = {static_cast<http::status>(result.status), request.version()};
        response_.set(http::field::content_type, result.content_type);
        response_.keep_alive(request.keep_alive());
        response_.content_length(result.body.size());
        if (request.method() != http::verb::head) response_.body() = std::move(result.body);
        stream_.expires_after(kRequestTime);
        http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error && self->response_.keep_alive()) self->read();
        });
    }

    beast::tcp_stream stream_;
    const Handlers& handlers_;
    std::size_t& open_;
    beast::flat_buffer buffer_{kMaxHeaderBytes};
    std::optional<http::request_parser<http::empty_body>> parser_;
    http::response<http::string_body> response_;
};

/// Binds to all addresses of both families, or of IPv4 alone on hosts without IPv6.
beast::error_code bind_all(tcp::acceptor& acceptor, std::uint16_t port) {
    beast::error_code error;
    for (const bool v6 : {true, false}) {
        const auto protocol = v6 ? tcp::v6() : tcp::v4();
        acceptor.open(protocol, error);
        if (error) continue;
        acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        if (v6) acceptor.set_option(asio::ip::v6_only(false), error);
        acceptor.bind(tcp::endpoint(protocol, port), error);
        if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
        if (!error) return {};
        beast::error_code ignored;
        acceptor.close(ignored);
    }
    return error;
}

}  // namespace

class Server::Impl {
public:
    explicit Impl(Options options)
        : handlers_(std::move(options.handlers)), acceptor_(context_), pause_(context_), wanted_(options.port) {}

    base::Result<void> start() {
        if (const auto error = bind_all(acceptor_, wanted_)) {
            return base::fail(base::ErrorCode::kUnavailable,
                              fmt::format("listen on port {}: {}", wanted_, error.message()));
        }
        port_ = acceptor_.local_endpoint().port();
        accept();
        thread_ = std::thread([this] { context_.run(); });
        return {};
    }

    ~Impl() {
        context_.stop();
        if (thread_.joinable()) thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    void accept() {
        acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
            if (error) {
                pause_.expires_after(kAcceptPause);
                pause_.async_wait([this](beast::error_code stopped) {
                    if (!stopped) accept();
                });
                return;
            }
            // One too many is closed at once: a refusal is better than a queue nobody sees.
            if (open_ < kMaxConnections) std::make_shared<Session>(std::move(socket), handlers_, open_)->read();
            accept();
        });
    }

    const Handlers handlers_;
    std::size_t open_ = 0;  ///< Sessions, on the server's thread only; declared before the context that destroys them.
    asio::io_context context_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer pause_;
    const std::uint16_t wanted_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

base::Result<std::unique_ptr<Server>> Server::start(Options options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    N4B_TRY_VOID(impl->start());
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::uint16_t Server::port() const {
    return impl_->port();
}

}  // namespace n4b::httpd
