#pragma once

// Heavy: codec sources only.
#include "common/base/json_time.hpp"
#include "common/base/rfc3339.hpp"
#include "operator/api/meta.hpp"

namespace n4b::api {

using base::read_time;

Meta read_meta(base::JsonObject& document);
std::vector<Condition> read_conditions(base::JsonObject& status);
base::Json conditions_json(const std::vector<Condition>& conditions);

}  // namespace n4b::api
