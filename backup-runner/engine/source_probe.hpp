#pragma once

#include <stop_token>
#include <vector>

#include "backup-runner/catchup/session.hpp"
#include "backup-runner/engine/source_choice.hpp"
#include "backup-runner/net/stream.hpp"
#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// No more servers are asked, however many addresses the names have.
inline constexpr std::size_t kMaxCandidates = 32;

/// When a process that started then must have ended: spec.duration later, whatever happens to the clock of the day.
base::Deadline deadline_of(const contract::RunSpec& spec, base::SteadyTime started);

/// How a run talks to its source until the deadline.
catchup::SessionOptions session_options(const contract::RunSpec& spec, base::Deadline deadline);

/// What protects a connection, as a report tells it.
contract::TlsReport tls_report(const net::Security& security, const contract::RunSpec& spec);

/// Resolves the endpoints and asks every address, all side by side: its store id and last committed transaction on one
/// connection, its role on another. In the order of the endpoints, an address twice only once. Names take at
/// most the connect timeout, servers at most twice that, whoever doesn't answer; blocks; threads of its own. Never
/// empty, and never fails: what went wrong stands in the candidate.
std::vector<Candidate> observe_candidates(const contract::RunSpec& spec, net::Dialer& dialer, base::Deadline deadline,
                                          const std::stop_token& stop);

}  // namespace n4b::engine
