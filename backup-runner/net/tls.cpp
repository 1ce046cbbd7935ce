#include "backup-runner/net/tls.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <climits>
#include <optional>
#include <utility>

#include "backup-runner/net/tls_context.hpp"
#include "backup-runner/net/tls_errors.hpp"
#include "backup-runner/net/tls_wire.hpp"

namespace n4b::net {
namespace {

using base::Deadline;
using base::ErrorCode;
using base::Reason;
using base::Result;

/// Read from the socket in one go in the long session: servers put a chunk of 8 KiB into a record of its own, and two
/// calls for each would cost more than the ciphers.
constexpr std::size_t kReadAhead = std::size_t{64} * 1024;
/// Measured: a session with its buffers, the library with its tables, and what certificates and revocation lists grow
/// to when they are parsed (5 and 7 times their files).
constexpr std::size_t kSessionBytes = kReadAhead + std::size_t{192} * 1024;
constexpr std::size_t kLibraryBytes = std::size_t{1536} * 1024;
constexpr std::size_t kParsedGrowth = 8;

class TlsStream final : public Stream {
public:
    TlsStream(const TlsContext& context, std::string host, std::stop_token stop)
        : context_(context), host_(std::move(host)), socket_(std::move(stop)) {}

    Result<void> connect(const Address& address, Deadline deadline) {
        N4B_TRY_VOID(socket_.connect(address, deadline));
        return socket_.stop_blocking();
    }

    /// Of the two sessions on a connection.
    enum class Turn {
        kFirst,  ///< Reads nothing beyond the last record that it needs: what follows belongs to the second one.
        kSecond,
    };

    Result<void> shake_hands(Turn turn, Deadline deadline) {
        session_.reset();
        wire_.notes = {};
        notes_ = {};
        N4B_TRY(session_, context_.new_session(host_, notes_));
        if (turn == Turn::kSecond) {
            SSL_set_read_ahead(session_.get(), 1);
            SSL_set_default_read_buffer_len(session_.get(), kReadAhead);
        }
        auto bio = bio_over(wire_);
        if (!bio) return base::fail(ErrorCode::kInternal, "out of memory");
        SSL_set_bio(session_.get(), bio.get(), bio.get());
        (void)bio.release();  // the session's now
        const auto start = std::chrono::steady_clock::now();
        const auto until = Deadline::after(kTlsHandshakePatience).sooner(deadline);
        const auto done = drive(until, [](SSL* session) { return SSL_do_handshake(session); });
        if (!done && done.error().code == ErrorCode::kDeadline) return silent(std::chrono::steady_clock::now() - start);
        if (!done) return base::fail(done.error().wrap("TLS handshake"));
        if (*done == 0) {
            return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost,
                              "the source closed the connection during the TLS handshake");
        }
        note_security();
        return {};
    }

    Result<std::size_t> read_some(std::span<std::byte> into, Deadline deadline) override {
        if (!session_) return broken();
        const auto read = [&](std::size_t at) {
            return SSL_read(session_.get(), into.data() + at,
                            static_cast<int>(std::min<std::size_t>(into.size() - at, INT_MAX)));
        };
        N4B_TRY(const int first, drive(deadline, [&](SSL*) { return read(0); }));
        auto received = static_cast<std::size_t>(first);
        notes_.data_received = notes_.data_received || received > 0;
        // Whatever has come already is taken along; an error shows itself again at the next call.
        while (received > 0 && received < into.size() && SSL_has_pending(session_.get()) == 1) {
            const int more = read(received);
            if (more <= 0) break;
            received += static_cast<std::size_t>(more);
        }
        return received;
    }

    Result<void> write(std::span<const std::byte> bytes, Deadline deadline) override {
        if (!session_) return broken();
        while (!bytes.empty()) {
            const auto size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
            auto written = drive(deadline, [&](SSL* session) { return SSL_write(session, bytes.data(), size); });
            if (!written) return base::fail(last_word(std::move(written.error())));
            // The peer's close_notify was read with its last answer, and a write that fails afterwards counts as the
            // session's clean end. Nothing was written, and nothing ever will be.
            if (*written == 0) return broken();
            bytes = bytes.subspan(static_cast<std::size_t>(*written));
        }
        return {};
    }

    Result<void> renew(Deadline deadline) override {
        if (!session_) return broken();
        if (SSL_has_pending(session_.get()) == 1) {
            return base::fail(ErrorCode::kUnavailable, Reason::kSourceProtocolError,
                              "the source sent more in a TLS session that had ended");
        }
        auto done = shake_hands(Turn::kSecond, deadline);
        if (!done) return base::fail(done.error().wrap("second TLS session"));
        return {};
    }

    [[nodiscard]] const Security* security() const override { return &security_; }

private:
    static tl::unexpected<base::Error> broken() {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, "the TLS session has ended");
    }

    [[nodiscard]] tl::unexpected<base::Error> silent(std::chrono::duration<double> waited) const {
        return base::fail(ErrorCode::kDeadline, Reason::kSourceStalled,
                          fmt::format("the source {} within {:.1f} s",
                                      wire_.notes.received == 0 ? "did not answer the TLS greeting"
                                                                : "did not finish the TLS handshake",
                                      waited.count()));
    }

    /// Calls step until it has done something: its result above 0, or 0 for a clean end of the session.
    template <typename Step>
    Result<int> drive(Deadline deadline, Step step) {
        for (;;) {
            if (socket_.stop_requested()) return Operations::cancelled();
            ERR_clear_error();
            const int n = step(session_.get());
            if (n > 0) return n;
            switch (SSL_get_error(session_.get(), n)) {
                case SSL_ERROR_WANT_READ:
                    N4B_TRY_VOID(socket_.wait_readable(deadline));
                    break;
                case SSL_ERROR_WANT_WRITE:
                    N4B_TRY_VOID(socket_.wait_writable(deadline));
                    break;
                case SSL_ERROR_ZERO_RETURN:
                    return 0;
                default:
                    return base::fail(
                        explain_tls_failure(context_, notes_, wire_.notes, context_.expected_name(host_)));
            }
        }
    }

    /// A server that refuses us says why and closes; when our own bytes are on the way, only the close shows in a
    /// write, and the reason still waits to be read.
    base::Error last_word(base::Error error) {
        if (error.reason != Reason::kSourceConnectionLost) return error;
        std::array<std::byte, 1> byte{};
        ERR_clear_error();
        const int n = SSL_read(session_.get(), byte.data(), static_cast<int>(byte.size()));
        if (n > 0 || SSL_get_error(session_.get(), n) != SSL_ERROR_SSL) return error;
        return explain_tls_failure(context_, notes_, wire_.notes, context_.expected_name(host_));
    }

    void note_security() {
        security_ = {.version = SSL_get_version(session_.get()),
                     .cipher = SSL_get_cipher_name(session_.get()),
                     .client_certificate_requested = notes_.certificate_requested};
        if (const auto& own = context_.own()) {
            security_.certificate_starts = own->starts;
            security_.certificate_expires = own->expires;
        }
        if (const auto* peer = SSL_get0_peer_certificate(session_.get())) {
            security_.server_certificate_expires = time_of(X509_get0_notAfter(peer));
        }
    }

    const TlsContext& context_;
    const std::string host_;
    TcpSocket socket_;
    Wire wire_{.socket = socket_};
    SessionNotes notes_{};
    Security security_{};
    SessionHandle session_{};  ///< Last: it refers to the wire and the notes.
};

class TlsDialer final : public Dialer {
public:
    TlsDialer(TlsContext context, std::size_t file_bytes)
        : context_(std::move(context)),
          memory_use_{.shared = kLibraryBytes + kParsedGrowth * file_bytes, .each = kSessionBytes} {}

    Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port, Deadline deadline,
                                         std::stop_token stop) override {
        return tcp_->resolve(host, port, deadline, std::move(stop));
    }

    Result<std::unique_ptr<Stream>> connect(const Address& address, Deadline deadline, std::stop_token stop) override {
        auto stream =
            std::make_unique<TlsStream>(context_, address.host.empty() ? address.ip : address.host, std::move(stop));
        auto done = stream->connect(address, deadline);
        if (!done && done.error().code == ErrorCode::kDeadline) done.error().reason = Reason::kSourceUnreachable;
        if (!done) return base::fail(done.error().wrap("connect to " + to_string(address)));
        if (done = stream->shake_hands(TlsStream::Turn::kFirst, deadline); !done)
            return base::fail(done.error().wrap(to_string(address)));
        return std::unique_ptr<Stream>(std::move(stream));
    }

    [[nodiscard]] bool secure() const override { return true; }
    [[nodiscard]] MemoryUse memory_use() const override { return memory_use_; }

    Result<std::unique_ptr<Stream>> connect_in_clear(const Address& address, Deadline deadline,
                                                     std::stop_token stop) override {
        return tcp_->connect(address, deadline, std::move(stop));
    }

private:
    const TlsContext context_;
    const MemoryUse memory_use_;
    const std::unique_ptr<Dialer> tcp_ = tcp_dialer();
};

/// The first bytes of a TLS client without any settings.
std::vector<std::byte> greeting() {
    const ContextHandle context(SSL_CTX_new(TLS_client_method()));
    const SessionHandle session(context ? SSL_new(context.get()) : nullptr);
    if (!session) return {};
    auto* out = BIO_new(BIO_s_mem());
    SSL_set_bio(session.get(), BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(session.get());
    SSL_do_handshake(session.get());
    ERR_clear_error();
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out, &data);
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    return size > 0 ? std::vector<std::byte>(bytes, bytes + size) : std::vector<std::byte>{};
}

}  // namespace

Result<std::unique_ptr<Dialer>> tls_dialer(const TlsSettings& settings) {
    N4B_TRY(const auto files, read_tls_files(settings.directory, settings.trust));
    std::size_t file_bytes = 0;
    for (const auto* list : {&files.own, &files.trust}) {
        for (const auto& file : *list) file_bytes += file.bytes.view().size();
    }
    N4B_TRY(auto material, parse_tls_material(files));
    N4B_TRY(auto context, TlsContext::create(settings, std::move(material)));
    return std::make_unique<TlsDialer>(std::move(context), file_bytes);
}

Result<bool> answers_tls(Dialer& dialer, const Address& address, Deadline deadline, std::stop_token stop) {
    const auto is_cancelled = [](const base::Error& error) { return error.code == ErrorCode::kCancelled; };
    auto stream = dialer.connect_in_clear(address, deadline, std::move(stop));
    if (!stream) return is_cancelled(stream.error()) ? Result<bool>(base::fail(stream.error())) : Result<bool>(false);
    (void)(*stream)->write(greeting(), deadline);  // a failure shows in the read
    std::array<std::byte, 2> first{};
    std::size_t have = 0;
    while (have < first.size()) {
        const auto n = (*stream)->read_some(std::span(first).subspan(have), deadline);
        if (!n && is_cancelled(n.error())) return base::fail(n.error());
        if (!n || *n == 0) return false;
        have += *n;
    }
    const auto type = std::to_integer<int>(first[0]);
    return (type == SSL3_RT_ALERT || type == SSL3_RT_HANDSHAKE) && std::to_integer<int>(first[1]) == SSL3_VERSION_MAJOR;
}

}  // namespace n4b::net
