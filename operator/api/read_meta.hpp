#pragma once

// Heavy: codec sources only.
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "operator/api/meta.hpp"

namespace n4b::api {

/// A member that holds an RFC 3339 time; notes an error on the object when it doesn't.
std::optional<base::SystemTime> read_time(base::JsonObject& object, const char* key);

Meta read_meta(base::JsonObject& document);
std::vector<Condition> read_conditions(base::JsonObject& status);
base::Json conditions_json(const std::vector<Condition>& conditions);

}  // namespace n4b::api
