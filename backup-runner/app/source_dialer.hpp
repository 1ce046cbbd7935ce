#pragma once

#include <memory>

#include "backup-runner/net/stream.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

/// Connections as the RunSpec wants them: in clear text, or over TLS with what lies in its directory. Errors as
/// net::tls_dialer's.
base::Result<std::unique_ptr<net::Dialer>> dialer_for(const contract::RunSpec& spec);

}  // namespace n4b::runner
