#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backup-runner/net/openssl_handles.hpp"
#include "backup-runner/net/stream.hpp"
#include "tests/support/tls_identity.hpp"

namespace n4b::testing {

struct TlsPeerOptions {
    const Identity* identity = nullptr;      ///< Null: clear text.
    std::vector<const Identity*> chain{};    ///< Sent above the identity.
    std::vector<const Identity*> clients{};  ///< Trusted ones; none: no client certificate is asked for.
    const Identity* revoking = nullptr;      ///< An authority that has revoked `revoked`.
    const Identity* revoked = nullptr;
    bool vague = false;  ///< Trusts no client, and says no reason: as Netty's OpenSSL.
    int least_version = TLS1_2_VERSION;
    int most_version = TLS1_3_VERSION;
    std::string ciphers{};                ///< For TLS 1.2; empty: the library's.
    std::string magic = "NEO4J_CLUSTER";  ///< Another one is met with a silent close.
    std::string words{};                  ///< Said to whoever connects, before the end: another service.
    int sessions = 2;                     ///< Below 2: it stays silent where the second one is due.
    bool goodbye = false;                 ///< Says close_notify in one packet with its first answer to a request.
};

/// A catchup server on loopback that behaves on the wire as real ones were seen to: two TLS sessions one after the
/// other on a connection, a silent close for another magic or for clear text on a TLS port, silence for TLS on a
/// clear-text port. What is said inside comes from a dialer's streams, such as FakeCatchupServer's. Thread-safe.
class TlsPeer {
public:
    TlsPeer(net::Dialer& answers, const TlsPeerOptions& options);
    ~TlsPeer();
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;

    /// On loopback, under the host "neo4j".
    [[nodiscard]] net::Address address() const { return {.ip = "127.0.0.1", .port = port_, .host = "neo4j"}; }
    [[nodiscard]] int connections() const { return connections_; }
    /// TLS sessions whose handshake was finished.
    [[nodiscard]] int sessions() const { return sessions_; }
    /// Resets all connections.
    void reset();

private:
    class Channel;
    void listen();
    void accept_all();
    void serve(int fd);

    net::Dialer& answers_;
    const TlsPeerOptions options_;
    net::ContextHandle context_{};
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_ = 0;
    std::atomic<int> sessions_ = 0;
    std::mutex mutex_{};
    std::vector<int> open_{};
    std::vector<std::jthread> threads_{};
    std::jthread acceptor_{};
};

}  // namespace n4b::testing
