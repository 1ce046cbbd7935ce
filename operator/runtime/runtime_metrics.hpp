#pragma once

#include <vector>

#include "operator/runtime/controller.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::runtime {

/// How many keys wait, and how long the oldest reconcile has been running, by controller. Names as client-go's.
std::vector<telemetry::Collected> loop_metrics(const std::vector<const Controller*>& controllers);

}  // namespace n4b::runtime
