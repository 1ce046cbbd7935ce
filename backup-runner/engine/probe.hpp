#pragma once

#include <stop_token>

#include "backup-runner/net/stream.hpp"
#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// Asks every member that the RunSpec names how it stands, all side by side, and changes nothing there: no checkpoint,
/// no copy. A member that does not answer is a row with its reason. The report is a success when one member answered;
/// otherwise it has the reason of the first. Takes about the connect timeout when members are dead, and at most three
/// times that: once for names, twice for servers; never longer than spec.duration after `started`. Blocks; threads of
/// its own, one for each address.
contract::RunReport probe(const contract::RunSpec& spec, net::Dialer& dialer, base::SteadyTime started,
                          const std::stop_token& stop);

}  // namespace n4b::engine
