#pragma once

#include <chrono>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::base {
class JsonObject;
}

namespace n4b::api {

/// Go-style durations of the schema's pattern: "90s", "1h30m", "1.5h". Invalid: anything else, or above 8760 h.
base::Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Reads a member that may be absent, which leaves `out` as it is; notes an error on the object when it is no duration.
void read_duration(base::JsonObject& object, const char* key, std::chrono::milliseconds& out);

}  // namespace n4b::api
