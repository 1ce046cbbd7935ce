#pragma once

#include <stop_token>

#include "common/base/result.hpp"
#include "operator/app/options.hpp"

namespace n4b::operator_app {

/// Runs the operator until the stop token: health server, watches, workers; then workers, watches, health server end in
/// this order. Errors: the configuration is wrong, the port is taken, or the caches did not fill within two minutes.
base::Result<void> run(const Options& options, const std::stop_token& stop);

}  // namespace n4b::operator_app
