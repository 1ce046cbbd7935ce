#pragma once

#include "backup-runner/net/openssl_handles.hpp"
#include "backup-runner/net/tcp_socket.hpp"
#include "backup-runner/net/tls_errors.hpp"

namespace n4b::net {

/// What a TLS session reads from and writes to, without blocking. OpenSSL's own socket BIO would raise SIGPIPE on a
/// broken connection, and tells too little about what has passed.
struct Wire {
    TcpSocket& socket;
    WireNotes notes{};
};

/// A BIO over a wire, which has to outlive it. Null when memory is out.
BioHandle bio_over(Wire& wire);

}  // namespace n4b::net
