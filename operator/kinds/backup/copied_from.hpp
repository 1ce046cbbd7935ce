#pragma once

// Heavy: codec sources only.
#include "common/base/json_object.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::backup {

/// status.source: where the copy came from. A lag is a text there, since "Unknown" must be told from 0; what is not
/// known is null, which removes it in a merge patch.
base::Json copied_from_json(const contract::SourceReport& source);
contract::SourceReport read_copied_from(base::JsonObject& source);

}  // namespace n4b::backup
