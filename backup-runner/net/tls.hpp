#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "backup-runner/net/stream.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::net {

/// How far a server's certificate is looked at.
enum class Verification {
    kFull,   ///< It leads to a trusted one, none is revoked, and it bears the expected name.
    kChain,  ///< The same without the name.
    kNone,   ///< Any is taken.
};

struct TlsSettings {
    std::string directory{};           ///< See tls_material.hpp; empty: no client certificate.
    std::vector<std::string> trust{};  ///< Files of more trusted certificates.
    Verification verification = Verification::kFull;
    std::string server_name{};  ///< The name to expect; empty: the host of the address.
};

/// A silent peer is waited for this long in a TLS handshake: as long as the server itself waits (netty's default).
inline constexpr auto kTlsHandshakePatience = std::chrono::seconds(10);

/// Connections in TLS 1.2 or 1.3 over TCP. Reads the files once, so a changed Secret counts from the next run on.
/// Thread-safe. Invalid: TlsMaterialInvalid, TlsKeyMismatch.
base::Result<std::unique_ptr<Dialer>> tls_dialer(const TlsSettings& settings);

/// Whether a peer answers the greeting of a TLS client with a TLS record; false for whatever else it does until the
/// deadline. Cancelled.
base::Result<bool> answers_tls(Dialer& dialer, const Address& address, base::Deadline deadline, std::stop_token stop);

}  // namespace n4b::net
