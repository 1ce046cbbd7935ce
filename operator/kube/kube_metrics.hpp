#pragma once

#include <vector>

#include "operator/kube/event_recorder.hpp"
#include "operator/kube/reflector.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::kube {

/// Events by what became of them.
telemetry::Collected events_metric(const EventRecorder& recorder);

/// What went wrong with lists, watches and objects, by kind: each kind that is followed is there from the start.
std::vector<telemetry::Collected> reflector_metrics(const std::vector<const Reflector*>& reflectors);

}  // namespace n4b::kube
