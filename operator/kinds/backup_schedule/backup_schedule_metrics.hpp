#pragma once

#include <vector>

#include "operator/kinds/backup_schedule/backup_schedule.hpp"
#include "operator/kube/store.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::backup_schedule {

/// How schedules stand, from their status: what is due, what was missed, and how old what can be restored may become
/// and is. They are known again as soon as the objects are, after a restart too.
std::vector<telemetry::GaugeSample> gauges_of(const kube::Store<BackupSchedule>& schedules);

}  // namespace n4b::backup_schedule
