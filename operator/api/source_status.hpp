#pragma once

// Heavy: codec sources only.
#include "common/base/json_object.hpp"
#include "operator/api/backup.hpp"

namespace n4b::api {

/// status.source and status.progress. A lag is a text there, since "Unknown" must be told from 0; what is
/// not known is null, which removes it in a merge patch.
base::Json source_json(const contract::SourceReport& source);
contract::SourceReport read_source_report(base::JsonObject& source);

base::Json progress_json(const RunProgress& progress);
RunProgress read_progress(base::JsonObject& progress);

}  // namespace n4b::api
