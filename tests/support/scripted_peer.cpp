#include "tests/support/scripted_peer.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "backup-runner/catchup/payload_reader.hpp"
#include "backup-runner/txlog/big_endian.hpp"
#include "common/base/check.hpp"
#include "tests/support/counted_memory.hpp"

namespace n4b::testing {
namespace {

using catchup::Bytes;

constexpr std::size_t kMaxName = 1024 * 1024;
constexpr std::size_t kLengthBytes = 4;
constexpr std::int32_t kMaxRequest = 1024 * 1024;
constexpr int kHandshakeFrames = 3;
constexpr int kPollMs = 20;

/// Takes all that a stream of the fake has to say.
Bytes drain(net::Stream& stream) {
    Bytes out;
    std::array<std::byte, 16384> buffer{};
    for (;;) {
        const auto n = stream.read_some(buffer, base::Deadline::never());
        if (!n || *n == 0) return out;
        out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*n));
    }
}

void wait_for_the_end(int socket) {
    std::array<std::byte, 1024> ignored{};
    while (::recv(socket, ignored.data(), ignored.size(), 0) > 0) {
    }
}

/// Reads one frame's payload; false at the end of the stream.
bool read_frame(int socket, Bytes& payload) {
    const auto read_all = [socket](std::span<std::byte> into) {
        return ::recv(socket, into.data(), into.size(), MSG_WAITALL) == static_cast<ssize_t>(into.size());
    };
    std::array<std::byte, kLengthBytes> prefix{};
    if (!read_all(prefix)) return false;
    const auto length = txlog::load_big_endian<std::int32_t>(prefix);
    if (length < 0 || length > kMaxRequest) {
        // What is no request, such as the greeting of TLS, real servers wait for without a word.
        wait_for_the_end(socket);
        return false;
    }
    payload.resize(static_cast<std::size_t>(length));
    return payload.empty() || read_all(payload);
}

}  // namespace

Frames::Frames(const Bytes& bytes) {
    for (std::span<const std::byte> rest(bytes); rest.size() >= kLengthBytes;) {
        const auto length = static_cast<std::size_t>(txlog::load_big_endian<std::int32_t>(rest));
        const auto payload = rest.subspan(kLengthBytes, length);
        payloads.emplace_back(payload.begin(), payload.end());
        rest = rest.subspan(kLengthBytes + length);
    }
}

Bytes Frames::bytes() const {
    Bytes out;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const auto start = out.size();
        catchup::append_frame(out, payloads[i]);
        for (const auto& [frame, length] : lies) {
            if (frame == i) txlog::store_big_endian(std::span(out).subspan(start), length);
        }
    }
    return out;
}

ScriptedPeer::ScriptedPeer(FakeCatchupServer& content) : content_(content) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    N4B_CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
    N4B_CHECK(::listen(listener_, 64) == 0, "listen");
    socklen_t size = sizeof address;
    N4B_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

ScriptedPeer::~ScriptedPeer() {
    acceptor_.request_stop();
    acceptor_.join();
    std::vector<std::jthread> connections;
    {
        const std::lock_guard lock(mutex_);
        for (auto& connection : connections_) connection.request_stop();
        for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
        connections = std::move(connections_);
    }
    connections.clear();
    ::close(listener_);
}

void ScriptedPeer::end_at(std::int64_t bytes, Then how, bool again) {
    const std::lock_guard lock(mutex_);
    end_at_ = bytes;
    end_how_ = how;
    end_again_ = again;
}

void ScriptedPeer::accept_all(const std::stop_token& stop) {
    const UncountedThread uncounted;
    while (!stop.stop_requested()) {
        pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
        if (::poll(&ready, 1, kPollMs) != 1) continue;
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) continue;
        const int at_once = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
        const std::lock_guard lock(mutex_);
        sockets_.insert(socket);
        connections_.emplace_back([this, socket](const std::stop_token& ending) { serve(socket, ending); });
    }
}

void ScriptedPeer::serve(int socket, const std::stop_token& stop) {
    const UncountedThread uncounted;
    const auto stream = content_.connect({.ip = "127.0.0.1", .port = port_}, base::Deadline::never(), {});
    N4B_CHECK(stream.has_value(), "connect");
    Bytes payload;
    auto then = Then::kGoOn;
    Asked type{};
    for (int frame = 1; then == Then::kGoOn && !stop.stop_requested() && read_frame(socket, payload); ++frame) {
        Bytes framed;
        catchup::append_frame(framed, payload);
        N4B_CHECK((*stream)->write(framed, base::Deadline::never()).has_value(), "write");
        Answer answer{.bytes = drain(**stream)};
        if (frame <= kHandshakeFrames) {
            const std::lock_guard lock(mutex_);
            if (greeting) greeting(frame, answer);
        } else if (frame % 2 == 0) {
            type = static_cast<Asked>(payload.at(0));
        } else {
            answer = answer_to(type, payload, std::move(answer.bytes));
        }
        then = deliver(socket, std::move(answer), stop);
    }
    close(socket, then);
}

Answer ScriptedPeer::answer_to(Asked type, std::span<const std::byte> body, Bytes honest) {
    Request request{.type = type};
    catchup::PayloadReader reader(body);
    if (type == Asked::kPull) {
        request.transaction = reader.i64();
        request.ours = reader.store_id() == content_.id;
    } else if (type == Asked::kFile) {
        reader.store_id();
        reader.i64();
        request.name = reader.text(kMaxName);
    }
    // A read replica has no handler for a snapshot.
    Answer answer{.bytes = std::move(honest)};
    if (answer.bytes.empty()) answer.then = Then::kClose;
    const std::lock_guard lock(mutex_);
    request.number = ++counts_.at(static_cast<std::size_t>(type));
    if (script) script(request, answer);
    return answer;
}

Then ScriptedPeer::deliver(int socket, Answer answer, const std::stop_token& stop) {
    auto then = answer.then;
    for (auto bytes = std::move(answer.bytes);;) {
        std::span<const std::byte> rest(bytes);
        while (!rest.empty()) {
            if (stop.stop_requested()) return Then::kClose;
            const auto part = rest.first(std::min({rest.size(), answer.piece, piece}));
            if (!send(socket, part, then)) return then;
            rest = rest.subspan(part.size());
            if (answer.pause.count() > 0) std::this_thread::sleep_for(answer.pause);
        }
        if (!answer.more || stop.stop_requested()) return then;
        bytes = answer.more();
        if (bytes.empty()) return then;
    }
}

/// False when the connection is at its end, which is `then`.
bool ScriptedPeer::send(int socket, std::span<const std::byte> bytes, Then& then) {
    bool ends = false;
    {
        const std::lock_guard lock(mutex_);
        const std::int64_t before = sent_;
        if (const auto size = static_cast<std::int64_t>(bytes.size()); before + size >= end_at_) {
            bytes = bytes.first(static_cast<std::size_t>(std::clamp<std::int64_t>(end_at_ - before, 0, size)));
            then = end_how_;
            ends = true;
            if (!end_again_) end_at_ = INT64_MAX;
        }
        sent_ += static_cast<std::int64_t>(bytes.size());
    }
    while (!bytes.empty()) {
        const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) {
            then = Then::kClose;
            return false;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return !ends;
}

void ScriptedPeer::close(int socket, Then how) {
    if (how == Then::kStall) wait_for_the_end(socket);
    if (how == Then::kReset) {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    const std::lock_guard lock(mutex_);
    sockets_.erase(socket);
    ::close(socket);
}

}  // namespace n4b::testing
