#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "common/contract/run_report.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/run/preparation.hpp"

namespace n4b::source {

/// The source as the run machine sees it: each probe is a run, and its attempts go on counting from probe to probe.
run::RunOwner owner_of(const Source& source);

/// How long until the members are to be looked at anew; 0: now. The spec has changed since the last look, or that was
/// probeInterval ago; after a failure it is looked again sooner, so that a repair shows.
std::chrono::milliseconds until_probe(const Source& source, base::SystemTime now);

/// The status with which the next probe begins.
SourceStatus begun(const SourceStatus& status);

/// The Job of a probe whose source has addresses.
run::Preparation prepare(const Source& source, std::vector<contract::Endpoint> endpoints,
                         const run::RunnerConfig& config);

/// The status after a step of the run machine: what the members said, and the conditions Ready, Reachable,
/// SourceAuthenticated and SourceGuarded. Adds events to the step.
SourceStatus status_after(const Source& source, run::RunStep& step, base::SystemTime now);

/// The status after a backup has spoken to a member: it counts as a look, and tells that member's state.
SourceStatus status_after(const Source& source, const contract::RunReport& report, base::SystemTime now);

}  // namespace n4b::source
