// The only file that includes cpprestsdk. What it must mind is written in docs/decisions/0002-cpprestsdk.md.
#include "operator/http/cpprest_transport.hpp"
#include "common/base/http_date.hpp"

#include <cpprest/http_client.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>

#include <atomic>
#include <charconv>

#include "operator/http/body_pipe.hpp"
#include "operator/http/deadline_canceller.hpp"

namespace n4b::http {
namespace {

using base::ErrorCode;
using base::Result;
using web::http::client::http_client;
using web::http::client::http_client_config;

constexpr auto kNoLimit = std::chrono::hours(24);  // No watch lasts that long.
constexpr int kPoolThreads = 8;                    // Callbacks only: nobody blocks on the pool.

struct FreeBio {
    void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeStore {
    void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;
using X509Ptr = std::unique_ptr<X509, FreeX509>;
using StorePtr = std::unique_ptr<X509_STORE, FreeStore>;

/// A trust store with these roots and no others; null when the text holds no certificate.
StorePtr roots_of(const std::string& pem) {
    StorePtr store(X509_STORE_new());
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    int count = 0;
    while (true) {
        const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!certificate) break;
        if (X509_STORE_add_cert(store.get(), certificate.get()) == 1) ++count;
    }
    ERR_clear_error();
    return count > 0 ? std::move(store) : nullptr;
}

/// Applies trust, versions and the client certificate to the context of each new connection.
void configure_tls(boost::asio::ssl::context& context, const TransportOptions& options) {
    if (auto store = roots_of(options.ca_pem)) {
        // cpprestsdk adds the system's roots to whatever is there, so the store itself is replaced.
        SSL_CTX_set_cert_store(context.native_handle(), store.release());
    }
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    if (!options.client_certificate.empty()) {
        context.use_certificate_chain(boost::asio::buffer(options.client_certificate));
        context.use_private_key(boost::asio::buffer(options.client_key), boost::asio::ssl::context::pem);
    }
}

base::Error translate(const web::http::http_exception& error, std::string_view where) {
    const auto text = std::string(where) + ": " + error.what();
    if (error.error_code() == std::errc::operation_canceled) return {ErrorCode::kCancelled, text};
    if (error.error_code() == std::errc::timed_out) return {ErrorCode::kDeadline, text};
    return {ErrorCode::kUnavailable, text};
}

std::optional<std::chrono::milliseconds> retry_after_of(const web::http::http_response& response) {
    const auto found = response.headers().find("Retry-After");
    if (found == response.headers().end()) return std::nullopt;
    long seconds = 0;
    const std::string& text = found->second;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec != std::errc{} || seconds < 0 || seconds > 3600) return std::nullopt;
    return std::chrono::seconds(seconds);
}

std::optional<base::SystemTime> date_of(const web::http::http_response& response) {
    const auto found = response.headers().find("Date");
    return found == response.headers().end() ? std::nullopt : base::parse_http_date(found->second);
}

/// Ends a request at a deadline or with the stop token, and remembers which it was.
class Cancellation {
public:
    explicit Cancellation(const std::stop_token& stop) : stopped_(stop, [this] { source_.cancel(); }) {}

    /// The deadline holds while the guard lives, which must be shorter than this object.
    [[nodiscard]] DeadlineCanceller::Guard limit(DeadlineCanceller& canceller, std::chrono::milliseconds span) {
        return canceller.arm(base::Deadline::after(span), [this] {
            late_ = true;
            source_.cancel();
        });
    }
    [[nodiscard]] pplx::cancellation_token token() { return source_.get_token(); }
    void cancel() { source_.cancel(); }
    [[nodiscard]] bool late() const { return late_; }

private:
    pplx::cancellation_token_source source_{};
    std::atomic<bool> late_ = false;
    std::stop_callback<std::function<void()>> stopped_;
};

std::string where_of(const Request& request) {
    return request.method + " " + request.path.substr(0, request.path.find('?'));
}

class CpprestTransport final : public Transport {
public:
    explicit CpprestTransport(TransportOptions options)
        : options_(std::move(options)),
          calls_(options_.base_url, config(std::chrono::seconds(15))),
          streams_(options_.base_url, config(options_.stream_gap)) {}

    Result<Response> exchange(const Request& request, const std::stop_token& stop) override {
        Cancellation cancellation(stop);
        return guarded(request, cancellation, [&]() -> Result<Response> {
            const auto limit = cancellation.limit(canceller_, request.timeout);
            BodyPipe pipe;
            const auto reply = pipe.send(calls_, build(request), cancellation.token());
            return collect(reply, pipe, cancellation);
        });
    }

    Result<Response> stream(const Request& request, const PieceSink& sink, const std::stop_token& stop) override {
        Cancellation cancellation(stop);
        return guarded(request, cancellation, [&]() -> Result<Response> {
            BodyPipe pipe;
            web::http::http_response reply;
            {
                // The gap is that of a stream under way: what begins one is as quick as any exchange, or dead.
                const auto limit = cancellation.limit(canceller_, request.timeout);
                reply = pipe.send(request.body_timeout ? calls_ : streams_, build(request), cancellation.token());
                if (reply.status_code() != 200) return collect(reply, pipe, cancellation);
            }
            const auto limit = cancellation.limit(canceller_, request.body_timeout.value_or(kNoLimit));
            if (!pass_on(pipe, sink, cancellation, stop)) {
                // A reply that is dropped unread keeps its connection open; cancelling closes it.
                cancellation.cancel();
                if (stop.stop_requested()) return base::fail(ErrorCode::kCancelled, where_of(request) + ": stopped");
            }
            return Response{.status = 200, .date = date_of(reply)};
        });
    }

private:
    [[nodiscard]] http_client_config config(std::chrono::milliseconds gap) const {
        http_client_config config;
        config.set_timeout(gap);
        config.set_max_redirects(0);  // A redirect would take the Authorization header to another host.
        config.set_ssl_context_callback(
            [this](boost::asio::ssl::context& context) { configure_tls(context, options_); });
        return config;
    }

    [[nodiscard]] web::http::http_request build(const Request& request) const {
        web::http::http_request message(request.method);
        message.set_request_uri(request.path);
        message.headers().add("Accept", "application/json");
        message.headers().add("User-Agent", "neo4j-backup-operator");
        if (options_.bearer_token) {
            if (const std::string token = options_.bearer_token(); !token.empty()) {
                message.headers().add("Authorization", "Bearer " + token);
            }
        }
        if (!request.body.empty()) message.set_body(request.body, request.content_type);
        return message;
    }

    static Result<Response> collect(const web::http::http_response& reply, BodyPipe& pipe, Cancellation& cancellation) {
        Response response{.status = reply.status_code(), .retry_after = retry_after_of(reply), .date = date_of(reply)};
        while (const auto piece = pipe.next()) {
            if (response.body.size() + piece->size() > kMaxBodyBytes) {
                cancellation.cancel();
                return base::fail(ErrorCode::kInvalid,
                                  fmt::format("the answer is longer than {} MiB", kMaxBodyBytes >> 20U));
            }
            response.body.append(*piece);
        }
        return response;
    }

    /// Whether the body was read to its end.
    static bool pass_on(BodyPipe& pipe, const PieceSink& sink, Cancellation& cancellation,
                        const std::stop_token& stop) {
        try {
            while (const auto piece = pipe.next()) {
                if (stop.stop_requested() || !sink(*piece)) return false;
            }
        } catch (const web::http::http_exception& error) {
            // cpprestsdk reports the end of a connection between two chunks as "no such file or directory".
            if (error.error_code() != std::errc::no_such_file_or_directory || cancellation.late()) throw;
        }
        return true;
    }

    template <typename F>
    Result<Response> guarded(const Request& request, Cancellation& cancellation, F&& work) {
        const std::string where = where_of(request);
        try {
            return work();
        } catch (const web::http::http_exception& error) {
            if (cancellation.late()) return base::fail(ErrorCode::kDeadline, where + ": no answer in time");
            return base::fail(translate(error, where));
        } catch (const pplx::task_canceled&) {
            return base::fail(cancellation.late() ? ErrorCode::kDeadline : ErrorCode::kCancelled,
                              where + ": cancelled");
        } catch (const std::exception& error) {
            return base::fail(ErrorCode::kInternal, where + ": " + error.what());
        }
    }

    TransportOptions options_;
    DeadlineCanceller canceller_{};
    http_client calls_;
    http_client streams_;
};

/// Fails here with a clear text rather than at each connection.
Result<void> check_pem(const TransportOptions& options) {
    if (options.base_url.starts_with("https://") && !roots_of(options.ca_pem)) {
        return base::fail(ErrorCode::kInvalid,
                          "certificate authority of the API server: no certificate in the PEM text");
    }
    if (options.client_certificate.empty() != options.client_key.empty()) {
        return base::fail(ErrorCode::kInvalid, "a client certificate needs its key, and a key its certificate");
    }
    try {
        boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
        configure_tls(context, options);
    } catch (const std::exception& error) {
        return base::fail(ErrorCode::kInvalid, std::string("client certificate: ") + error.what());
    }
    return {};
}

}  // namespace

void initialize_http() {
    crossplat::threadpool::initialize_with_threads(kPoolThreads);
}

Result<std::unique_ptr<Transport>> make_cpprest_transport(TransportOptions options) {
    if (!options.base_url.starts_with("https://") && !options.base_url.starts_with("http://")) {
        return base::fail(ErrorCode::kInvalid, "API server: \"" + options.base_url + "\" is not an http or https URL");
    }
    if (options.base_url.find("://[") != std::string::npos) {
        return base::fail(ErrorCode::kInvalid,
                          "API server: " + options.base_url + " names an IPv6 literal; use a host name instead");
    }
    N4B_TRY_VOID(check_pem(options));
    try {
        return std::make_unique<CpprestTransport>(std::move(options));
    } catch (const std::exception& error) {
        return base::fail(ErrorCode::kInvalid, std::string("API server: ") + error.what());
    }
}

}  // namespace n4b::http
