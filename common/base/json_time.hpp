#pragma once

// Heavy: codec sources only.
#include <optional>

#include "common/base/clock.hpp"
#include "common/base/json_object.hpp"

namespace n4b::base {

/// A member that holds an RFC 3339 time, or is absent; notes an error on the object when it holds anything else.
std::optional<SystemTime> read_time(JsonObject& object, const char* key);

/// The time in RFC 3339, or null, which removes a member in a merge patch.
Json time_or_null(const std::optional<SystemTime>& time);

}  // namespace n4b::base
