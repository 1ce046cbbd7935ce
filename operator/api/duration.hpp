#pragma once

#include <chrono>
#include <optional>

namespace n4b::base {
class JsonObject;
}

namespace n4b::api {

/// Reads a member that may be absent, which leaves `out` as it is; notes an error on the object when it is no duration
/// as base::parse_duration() takes it, which is the schema's pattern.
void read_duration(base::JsonObject& object, const char* key, std::chrono::milliseconds& out);

/// The same of a member without a default; nothing: it is absent.
std::optional<std::chrono::milliseconds> read_duration(base::JsonObject& object, const char* key);

}  // namespace n4b::api
