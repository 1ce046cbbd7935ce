#pragma once

#include <vector>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kube/store.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::backup {

/// What succeeded backups show, of each source and database the one that ended last: up to when it restores, when
/// the source was known to have committed no more, how far its source lagged, and when the certificates of the copy
/// expire.
std::vector<telemetry::GaugeSample> gauges_of(const kube::Store<Backup>& backups,
                                              const kube::Store<source::Source>& sources);

}  // namespace n4b::backup
