#include "tests/support/scripted_http_server.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/support/must.hpp"

namespace n4b::testing {
namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    return text;
}

HttpCall parse_head(const std::string& head) {
    HttpCall call;
    const auto line_end = head.find("\r\n");
    const auto line = head.substr(0, line_end);
    const auto first = line.find(' ');
    const auto second = line.find(' ', first + 1);
    must(first != std::string::npos && second != std::string::npos);
    call.method = line.substr(0, first);
    call.target = line.substr(first + 1, second - first - 1);
    for (std::size_t start = line_end + 2; start < head.size();) {
        const auto end = std::min(head.find("\r\n", start), head.size());
        const auto field = head.substr(start, end - start);
        const auto colon = field.find(": ");
        if (colon != std::string::npos) call.headers[lower(field.substr(0, colon))] = field.substr(colon + 2);
        start = end + 2;
    }
    return call;
}

std::string head_of(const HttpAnswer& answer, bool bodiless) {
    std::string text = fmt::format("HTTP/1.1 {} Scripted\r\n", answer.status);
    bool sized = false;
    for (const auto& [name, value] : answer.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
        sized = sized || lower(name) == "content-length";
    }
    if (!sized && !bodiless) text += fmt::format("Content-Length: {}\r\n", answer.body.size());
    return text + "\r\n";
}

}  // namespace

/// A connection, with or without TLS.
class ScriptedHttpServer::Wire {
public:
    Wire(int fd, SSL_CTX* context) : fd_(fd) {
        if (context == nullptr) return;
        ssl_.reset(SSL_new(context));
        must(ssl_ && SSL_set_fd(ssl_.get(), fd_) == 1);
    }
    bool open() { return !ssl_ || SSL_accept(ssl_.get()) == 1; }

    bool write(const std::string& text) {
        for (std::size_t done = 0; done < text.size();) {
            const auto rest = text.size() - done;
            const auto n = ssl_ ? SSL_write(ssl_.get(), text.data() + done, static_cast<int>(rest))
                                : static_cast<int>(::send(fd_, text.data() + done, rest, MSG_NOSIGNAL));
            if (n <= 0) return false;
            done += static_cast<std::size_t>(n);
        }
        return true;
    }
    /// Everything up to and with `end`; empty: the client has gone.
    std::string read_until(const std::string& end) {
        for (;;) {
            const auto found = buffer_.find(end);
            if (found != std::string::npos) return take(found + end.size());
            if (!fill()) return {};
        }
    }
    std::optional<std::string> read(std::size_t bytes) {
        while (buffer_.size() < bytes) {
            if (!fill()) return std::nullopt;
        }
        return take(bytes);
    }
    void wait_for_the_end() {
        while (fill()) buffer_.clear();
    }
    void wait_without_reading() {
        pollfd gone{.fd = fd_, .events = POLLRDHUP, .revents = 0};
        ::poll(&gone, 1, -1);
    }

private:
    std::string take(std::size_t bytes) {
        auto taken = buffer_.substr(0, bytes);
        buffer_.erase(0, bytes);
        return taken;
    }
    bool fill() {
        char piece[65536];
        const auto n =
            ssl_ ? SSL_read(ssl_.get(), piece, sizeof piece) : static_cast<int>(::recv(fd_, piece, sizeof piece, 0));
        if (n <= 0) return false;
        buffer_.append(piece, static_cast<std::size_t>(n));
        return true;
    }

    struct SslDeleter {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    int fd_;
    std::unique_ptr<SSL, SslDeleter> ssl_{};
    std::string buffer_{};
};

ScriptedHttpServer::ScriptedHttpServer(Answer answer, EarlyAnswer early, const Identity* identity)
    : answer_(std::move(answer)), early_(std::move(early)) {
    if (identity != nullptr) {
        context_.reset(SSL_CTX_new(TLS_server_method()));
        must(context_ != nullptr && SSL_CTX_use_certificate(context_.get(), identity->certificate()) == 1 &&
             SSL_CTX_use_PrivateKey(context_.get(), identity->key()) == 1);
    }
    acceptor_ = std::jthread([this] { accept_all(); });
}

ScriptedHttpServer::~ScriptedHttpServer() {
    listener_.shut_down();
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    threads_.clear();
}

void ScriptedHttpServer::accept_all() {
    block_sigpipe();
    for (int fd = listener_.accept(); fd >= 0; fd = listener_.accept()) {
        ++connections_;
        const std::lock_guard lock(mutex_);
        open_.push_back(fd);
        threads_.emplace_back([this, fd] { serve(fd); });
    }
}

void ScriptedHttpServer::serve(int fd) {
    block_sigpipe();
    {
        Wire wire(fd, context_.get());
        if (wire.open()) {
            while (serve_one(wire)) {
            }
        }
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
}

/// False: the connection is done.
bool ScriptedHttpServer::serve_one(Wire& wire) {
    const auto head = wire.read_until("\r\n\r\n");
    if (head.empty()) return false;
    ++calls_;
    auto call = parse_head(head);
    const auto send = [&](const HttpAnswer& answer) {
        if (answer.fault == HttpFault::kReset) return false;
        if (answer.fault == HttpFault::kSilent) {
            wire.wait_for_the_end();
            return false;
        }
        if (answer.fault == HttpFault::kFrozen) {
            wire.wait_without_reading();
            return false;
        }
        const bool bodiless = call.method == "HEAD" || answer.status == 204 || answer.status == 304;
        if (!wire.write(head_of(answer, bodiless))) return false;
        if (bodiless) return true;
        const bool cut = answer.fault == HttpFault::kCut;
        return wire.write(cut ? answer.body.substr(0, answer.body.size() / 2) : answer.body) && !cut;
    };
    if (early_) {
        if (const auto answer = early_(call)) {
            send(*answer);
            return false;
        }
    }
    if (call.headers.contains("expect") && !wire.write("HTTP/1.1 100 Continue\r\n\r\n")) return false;
    const auto length = call.headers.find("content-length");
    if (length != call.headers.end()) {
        auto body = wire.read(std::stoul(length->second));
        if (!body) return false;
        call.body = std::move(*body);
    }
    return send(answer_(call));
}

}  // namespace n4b::testing
