#include "operator/http/plain_get.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace n4b::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using base::ErrorCode;
using base::Result;

constexpr std::uint32_t kMaxHeaderBytes = 4096;

/// One exchange; its steps follow each other on the thread that runs the context.
class Exchange {
public:
    explicit Exchange(const PlainRequest& request) : wanted_(request), stream_(context_) {
        parser_.header_limit(kMaxHeaderBytes);
        parser_.body_limit(request.max_bytes);
        request_.set(beast::http::field::host, "runner");
        request_.set(beast::http::field::connection, "close");
    }

    Result<std::string> run(const asio::ip::tcp::endpoint& endpoint, const std::stop_token& stop) {
        stream_.expires_after(wanted_.timeout);  // Counts for all steps, since it is never set again.
        stream_.async_connect(endpoint, [this](beast::error_code error) { error ? end(error) : write(); });
        const std::stop_callback wake(stop, [this] { asio::post(context_, [this] { cancel(); }); });
        context_.run();
        if (stop.stop_requested()) return base::fail(ErrorCode::kCancelled, "cancelled");
        if (error_ == beast::error::timeout) return base::fail(ErrorCode::kDeadline, "no answer in time");
        if (error_) {
            const bool malformed =
                error_.category() == beast::http::make_error_code(beast::http::error::body_limit).category();
            return base::fail(malformed ? ErrorCode::kInvalid : ErrorCode::kUnavailable, error_.message());
        }
        if (parser_.get().result_int() != 200) {
            return base::fail(ErrorCode::kUnavailable, fmt::format("HTTP {}", parser_.get().result_int()));
        }
        return std::move(parser_.get().body());
    }

private:
    /// A step that has ended, but whose handler waits behind this one, can't be cancelled any more: the next step must
    /// not begin then.
    void cancel() {
        cancelled_ = true;
        stream_.cancel();
    }
    void write() {
        if (cancelled_) return;
        beast::http::async_write(stream_, request_,
                                 [this](beast::error_code error, std::size_t) { error ? end(error) : read(); });
    }
    /// The header by itself first: Beast 1.74 forgets that a Content-Length is beyond the limit when it reads on at
    /// once.
    void read() {
        if (cancelled_) return;
        beast::http::async_read_header(stream_, buffer_, parser_, [this](beast::error_code error, std::size_t) {
            error ? end(error) : read_body();
        });
    }
    void read_body() {
        if (cancelled_) return;
        beast::http::async_read(stream_, buffer_, parser_,
                                [this](beast::error_code error, std::size_t) { end(error); });
    }
    void end(beast::error_code error) { error_ = error; }

    const PlainRequest& wanted_;
    asio::io_context context_{1};
    beast::tcp_stream stream_;
    beast::http::request<beast::http::empty_body> request_{beast::http::verb::get, wanted_.path, 11};
    beast::http::response_parser<beast::http::string_body> parser_{};
    beast::flat_buffer buffer_{kMaxHeaderBytes};
    beast::error_code error_{};
    bool cancelled_ = false;
};

}  // namespace

Result<std::string> plain_get(const PlainRequest& request, const std::stop_token& stop) {
    const auto where = fmt::format("GET {} of {}", request.path, request.ip);
    beast::error_code error;
    const auto address = asio::ip::make_address(request.ip, error);
    if (error) return base::fail(ErrorCode::kInvalid, fmt::format("{}: not an address", where));
    try {
        auto body = Exchange(request).run({address, request.port}, stop);
        if (!body) return base::fail(body.error().wrap(where));
        return body;
    } catch (const std::exception& exception) {
        return base::fail(ErrorCode::kInternal, fmt::format("{}: {}", where, exception.what()));
    }
}

}  // namespace n4b::http
