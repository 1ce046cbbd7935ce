#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::net {

/// A resolved address: what a connection goes to. Text form "10.1.2.3:6362" or "[fd00::1]:6362".
struct Address {
    std::string ip;
    std::uint16_t port = 0;
    std::string host{};  ///< What was resolved, and so what a certificate has to name; empty: ip.
    /// The same place, by whatever name.
    bool operator==(const Address& other) const { return ip == other.ip && port == other.port; }
};

std::string to_string(const Address& address);

/// What protects a connection once its TLS handshake is done.
struct Security {
    std::string version{};                                 ///< "TLSv1.2" or "TLSv1.3"
    std::string cipher{};                                  ///< OpenSSL's name, e.g. "TLS_AES_256_GCM_SHA384"
    bool client_certificate_requested = false;             ///< The server asked for one, whether we have it or not.
    std::optional<base::SystemTime> certificate_starts{};  ///< Validity of our certificate; absent without one.
    std::optional<base::SystemTime> certificate_expires{};
    std::optional<base::SystemTime> server_certificate_expires{};
};

/// A connected byte stream. One thread, except that the stop token given at connect ends a blocked call from anywhere.
class Stream {
public:
    virtual ~Stream() = default;

    /// Blocks until at least one byte is there; 0 is a clean end of stream. Deadline, Cancelled, Unavailable (reset).
    virtual base::Result<std::size_t> read_some(std::span<std::byte> into, base::Deadline deadline) = 0;

    /// Blocks until all of it was taken. Deadline, Cancelled, Unavailable.
    virtual base::Result<void> write(std::span<const std::byte> bytes, base::Deadline deadline) = 0;

    /// With TLS: abandons the session without a word and shakes hands anew on the same connection, as both sides do
    /// after the switch-over (catchup protocol section 3.1). In clear text nothing happens. Errors as connect's.
    virtual base::Result<void> renew(base::Deadline) { return {}; }

    /// Nothing in clear text.
    [[nodiscard]] virtual const Security* security() const { return nullptr; }
};

/// Memory that connections take beside the caller's own buffers, at most.
struct MemoryUse {
    std::size_t shared = 0;
    std::size_t each = 0;  ///< For every connection.
};

/// How connections come to be: the seam for tests.
class Dialer {
public:
    virtual ~Dialer() = default;

    /// All addresses of a name or literal, in the resolver's order. NotFound (SourceNameNotResolved), Deadline,
    /// Cancelled.
    virtual base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                                       base::Deadline deadline, std::stop_token stop) = 0;

    /// A refused connection is tried again until the deadline, since a server that starts refuses until it listens.
    /// Unavailable (SourceUnreachable): refused so long, or no route; Deadline (SourceUnreachable); Cancelled. With
    /// TLS, whose handshake is part of it, also its own reasons, and where the peer does not seem to speak TLS:
    /// Deadline (SourceStalled), Unavailable (SourceConnectionLost) or Invalid (NotCatchupServer).
    virtual base::Result<std::unique_ptr<Stream>> connect(const Address& address, base::Deadline deadline,
                                                          std::stop_token stop) = 0;

    /// Whether connect() speaks TLS.
    [[nodiscard]] virtual bool secure() const { return false; }

    [[nodiscard]] virtual MemoryUse memory_use() const { return {}; }

    /// A connection in clear text, to find out what a peer speaks. Errors as connect's.
    virtual base::Result<std::unique_ptr<Stream>> connect_in_clear(const Address& address, base::Deadline deadline,
                                                                   std::stop_token stop) {
        return connect(address, deadline, std::move(stop));
    }
};

/// Plain TCP by Boost.Asio. Thread-safe.
std::unique_ptr<Dialer> tcp_dialer();

}  // namespace n4b::net
