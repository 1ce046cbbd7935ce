#include "tests/support/tls_peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "backup-runner/txlog/big_endian.hpp"
#include "tests/support/must.hpp"

namespace n4b::testing {
namespace {

using Bytes = std::vector<std::byte>;

constexpr unsigned char kTlsHandshake = 0x16;
constexpr std::size_t kMaxFrame = 1 << 20;
/// Frames of the handshake stage that a client sends: magic, protocol, switch-over.
constexpr int kHandshakeFrames = 3;

net::ContextHandle make_context(const TlsPeerOptions& options) {
    net::ContextHandle context(SSL_CTX_new(TLS_server_method()));
    must(context != nullptr);
    // Tests ask for versions and ciphers that the library finds too weak by default.
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), options.least_version);
    SSL_CTX_set_max_proto_version(context.get(), options.most_version);
    if (!options.ciphers.empty()) must(SSL_CTX_set_cipher_list(context.get(), options.ciphers.c_str()) == 1);
    must(SSL_CTX_use_certificate(context.get(), options.identity->certificate()) == 1);
    must(SSL_CTX_use_PrivateKey(context.get(), options.identity->key()) == 1);
    for (const auto* link : options.chain) must(SSL_CTX_add1_chain_cert(context.get(), link->certificate()) == 1);
    if (options.clients.empty()) return context;
    auto* store = SSL_CTX_get_cert_store(context.get());
    for (const auto* client : options.clients) must(X509_STORE_add_cert(store, client->certificate()) == 1);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (options.revoking != nullptr) {
        const auto pem = options.revoking->revocation_list({options.revoked});
        const net::BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
        const net::CrlHandle list(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
        must(X509_STORE_add_crl(store, list.get()) == 1);
        flags |= X509_V_FLAG_CRL_CHECK;
    }
    X509_STORE_set_flags(store, flags);
    const auto refuse_vaguely = [](int, X509_STORE_CTX* store_context) {
        X509_STORE_CTX_set_error(store_context, X509_V_ERR_UNSPECIFIED);
        return 0;
    };
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       options.vague ? +refuse_vaguely : nullptr);
    return context;
}

}  // namespace

/// One connection, in clear text or in the TLS session that is under way. Blocks.
class TlsPeer::Channel {
public:
    Channel(int fd, SSL_CTX* context) : fd_(fd), context_(context) {}

    [[nodiscard]] bool secure() const { return context_ != nullptr; }

    /// A fresh session; the one before ends without a word.
    bool begin_session() {
        session_.reset(SSL_new(context_));
        SSL_set_fd(session_.get(), fd_);
        const bool good = SSL_accept(session_.get()) == 1;
        ERR_clear_error();
        return good;
    }

    bool read(std::byte* into, std::size_t size) {
        while (size > 0) {
            const auto n =
                session_ ? SSL_read(session_.get(), into, static_cast<int>(size)) : ::recv(fd_, into, size, 0);
            ERR_clear_error();
            if (n <= 0) return false;
            into += n;
            size -= static_cast<std::size_t>(n);
        }
        return true;
    }

    bool write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const auto n = session_ ? SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()))
                                    : ::send(fd_, bytes.data(), bytes.size(), 0);
            ERR_clear_error();
            if (n <= 0) return false;
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        }
        return true;
    }

    /// The next frame with its length; empty: the end, or a frame that never ends.
    Bytes frame() {
        Bytes bytes(4);
        if (!read(bytes.data(), 4)) return {};
        const auto length = static_cast<std::size_t>(txlog::load_big_endian<std::int32_t>(bytes));
        if (length > kMaxFrame) {
            while (read(bytes.data(), 1)) {
            }
            return {};
        }
        bytes.resize(4 + length);
        if (!read(bytes.data() + 4, length)) return {};
        return bytes;
    }

    /// Holds back what is written until the end of the corking, so that all of it arrives at once.
    void cork(bool corked) const {
        const int value = corked ? 1 : 0;
        must(::setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &value, sizeof value) == 0);
    }

    /// close_notify.
    void say_goodbye() {
        SSL_shutdown(session_.get());
        ERR_clear_error();
    }

    void finish() const { ::shutdown(fd_, SHUT_WR); }

    void wait_for_the_end() {
        std::byte byte{};
        while (::recv(fd_, &byte, 1, 0) > 0) {
        }
    }

    [[nodiscard]] bool greeted_in_tls() const {
        unsigned char first = 0;
        return ::recv(fd_, &first, 1, MSG_PEEK) == 1 && first == kTlsHandshake;
    }

private:
    const int fd_;
    SSL_CTX* context_;
    net::SessionHandle session_{};
};

TlsPeer::TlsPeer(net::Dialer& answers, const TlsPeerOptions& options) : answers_(answers), options_(options) {
    if (options.identity != nullptr) context_ = make_context(options);
    listen();
    acceptor_ = std::jthread([this] { accept_all(); });
}

TlsPeer::~TlsPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    threads_.clear();
    for (const int fd : open_) ::close(fd);
    ::close(listener_);
}

void TlsPeer::reset() {
    const std::lock_guard lock(mutex_);
    // Dissolving the association resets the connection, and the descriptor stays its thread's. Not with connect(),
    // which ThreadSanitizer takes for the making of a descriptor: it would report a race with the thread that begins to
    // read from the descriptor afterwards, which is what this is for.
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    for (const int fd : open_) must(::syscall(SYS_connect, fd, &nowhere, sizeof nowhere) == 0);
}

void TlsPeer::listen() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    must(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 16) == 0);
    must(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
}

void TlsPeer::accept_all() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        ++connections_;
        const std::lock_guard lock(mutex_);
        open_.push_back(fd);
        threads_.emplace_back([this, fd] {
            block_sigpipe();
            serve(fd);
            ::shutdown(fd, SHUT_RDWR);
        });
    }
}

void TlsPeer::serve(int fd) {
    Channel channel(fd, context_.get());
    if (!options_.words.empty()) {
        (void)channel.write(std::as_bytes(std::span(options_.words)));
        return channel.finish();
    }
    if (channel.secure()) {
        if (!channel.greeted_in_tls() || !channel.begin_session()) return;
        ++sessions_;
    }
    auto inside = answers_.connect(address(), base::Deadline::never(), {});
    if (!inside) return;
    Bytes buffer(std::size_t{64} * 1024);
    for (int frames = 1;; ++frames) {
        const auto frame = channel.frame();
        if (frame.empty()) return;
        const std::string_view text(reinterpret_cast<const char*>(frame.data()), frame.size());
        if (frames == 1 && text.find(options_.magic) == std::string_view::npos) return;
        if (!(*inside)->write(frame, base::Deadline::never())) return;
        const bool last = options_.goodbye && frames > kHandshakeFrames;
        channel.cork(last);
        bool answered = false;
        for (;;) {
            const auto n = (*inside)->read_some(buffer, base::Deadline::never());
            if (!n || *n == 0) break;
            if (!channel.write(std::span(buffer).first(*n))) return;
            answered = true;
        }
        if (last && answered) {
            channel.say_goodbye();
            channel.cork(false);
            return channel.wait_for_the_end();
        }
        // A request is two frames; one without an answer is one that the server closes on.
        if (!answered && frames > kHandshakeFrames && (frames - kHandshakeFrames) % 2 == 0) return;
        if (!channel.secure() || frames != kHandshakeFrames) continue;
        if (options_.sessions < 2) return channel.wait_for_the_end();
        if (!channel.begin_session()) return;
        ++sessions_;
    }
}

}  // namespace n4b::testing
