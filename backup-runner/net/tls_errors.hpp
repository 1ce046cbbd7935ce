#pragma once

#include <array>
#include <cstddef>

#include "backup-runner/net/tls_context.hpp"
#include "common/base/error.hpp"

namespace n4b::net {

/// What has passed below a TLS session.
struct WireNotes {
    std::size_t received = 0;              ///< Bytes in this session.
    std::array<unsigned char, 2> first{};  ///< The first of them.
    bool ended = false;                    ///< The peer has closed.
    int error = 0;                         ///< errno of a call that failed; 0: none.
};

/// The mistake behind a session that has failed, from OpenSSL's error queue of this thread (which is emptied), what
/// was noted, and the name that was expected. Every reason of TLS but those about our own files.
base::Error explain_tls_failure(const TlsContext& context, const SessionNotes& notes, const WireNotes& wire,
                                const std::string& expected_name);

}  // namespace n4b::net
