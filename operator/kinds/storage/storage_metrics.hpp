#pragma once

#include <vector>

#include "operator/kinds/storage/storage.hpp"
#include "operator/kube/store.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::storage {

/// How storages stand, as their last looks found: whether they can be used, and how much room there is.
std::vector<telemetry::GaugeSample> gauges_of(const kube::Store<Storage>& storages);

}  // namespace n4b::storage
