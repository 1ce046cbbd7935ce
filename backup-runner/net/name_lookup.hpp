#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "backup-runner/net/stream.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::net {

/// All addresses of a name or literal, in the resolver's order (getaddrinfo). Blocks until then, the deadline or the
/// stop, whichever comes first, whatever the resolver does. Thread-safe. NotFound: what the resolver says; Deadline;
/// Cancelled; Unavailable: no thread to ask on.
base::Result<std::vector<Address>> look_up_name(const std::string& host, std::uint16_t port, base::Deadline deadline,
                                                const std::stop_token& stop);

}  // namespace n4b::net
