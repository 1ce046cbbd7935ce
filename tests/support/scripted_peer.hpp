#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "backup-runner/catchup/messages.hpp"
#include "tests/support/fake_catchup_server.hpp"

namespace n4b::testing {

/// The types of requests (catchup protocol section 6.2).
enum class Asked : std::uint8_t { kPull = 1, kCoreSnapshot = 3, kStoreId = 4, kPrepare = 5, kFile = 6, kIndex = 7 };

/// A request as it came.
struct Request {
    Asked type{};
    int number = 0;                ///< Of its type, over all connections, from 1.
    std::string name{};            ///< Of kFile.
    std::int64_t transaction = 0;  ///< Of kPull: the previous one.
    bool ours = true;              ///< Of kPull: with the right store id, so no question for the last transaction.
};

/// What becomes of a connection.
enum class Then {
    kGoOn,
    kClose,  ///< FIN.
    kReset,  ///< RST.
    kStall,  ///< Silence until the other side goes.
};

/// What is sent for a request: first what an honest server sends, for a script to change.
struct Answer {
    catchup::Bytes bytes{};
    /// Called again and again after `bytes`, until it returns nothing or the connection ends.
    std::function<catchup::Bytes()> more{};
    Then then = Then::kGoOn;
    std::size_t piece = SIZE_MAX;        ///< So many bytes at a time,
    std::chrono::milliseconds pause{0};  ///< and so long between them.
};

/// The frames of an answer, to be changed and put together again.
struct Frames {
    explicit Frames(const catchup::Bytes& bytes);

    std::vector<catchup::Bytes> payloads{};
    /// Another length than the true one, by the frame's number.
    std::vector<std::pair<std::size_t, std::int32_t>> lies{};

    [[nodiscard]] catchup::Bytes bytes() const;
};

/// A catchup server over TCP on loopback. It answers as the FakeCatchupServer it is given does, unless its script wants
/// otherwise. The script is called from many threads, one call at a time, and is set before the first connection.
class ScriptedPeer {
public:
    using Script = std::function<void(const Request&, Answer&)>;
    /// Gets the number of an answer of the handshake (1: magic, 2: protocol, 3: switch-over) on any connection.
    using Greeting = std::function<void(int, Answer&)>;

    explicit ScriptedPeer(FakeCatchupServer& content);
    ~ScriptedPeer();
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;

    Script script{};
    Greeting greeting{};
    std::size_t piece = SIZE_MAX;  ///< Every answer goes out in pieces of so many bytes.

    /// When this many bytes were sent on all connections together, the one that sends ends so: once, or each time.
    void end_at(std::int64_t bytes, Then how, bool again = false);

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::int64_t sent() const { return sent_; }

private:
    void accept_all(const std::stop_token& stop);
    void serve(int socket, const std::stop_token& stop);
    Answer answer_to(Asked type, std::span<const std::byte> body, catchup::Bytes honest);
    Then deliver(int socket, Answer answer, const std::stop_token& stop);
    bool send(int socket, std::span<const std::byte> bytes, Then& then);
    void close(int socket, Then how);

    FakeCatchupServer& content_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<std::int64_t> sent_ = 0;

    std::mutex mutex_{};  ///< Guards all below.
    std::int64_t end_at_ = INT64_MAX;
    Then end_how_ = Then::kClose;
    bool end_again_ = false;
    std::vector<int> counts_ = std::vector<int>(8);
    std::set<int> sockets_{};
    std::vector<std::jthread> connections_{};
    std::jthread acceptor_{};  ///< Last: it uses all others.
};

}  // namespace n4b::testing
