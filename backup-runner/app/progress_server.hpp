#pragma once

#include <memory>

#include "backup-runner/engine/progress.hpp"
#include "common/contract/run_spec.hpp"
#include "common/httpd/server.hpp"

namespace n4b::runner {

/// Serves /healthz and /progress of a run at spec.http_port for as long as the result lives; borrows both. Null where
/// no port is wanted, or where the port can't be had: that nobody can watch a run must not end it.
std::unique_ptr<httpd::Server> serve_progress(const contract::RunSpec& spec, const engine::ProgressCounters& counters);

}  // namespace n4b::runner
