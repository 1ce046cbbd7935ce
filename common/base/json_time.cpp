#include "common/base/json_time.hpp"

#include "common/base/rfc3339.hpp"

namespace n4b::base {

std::optional<SystemTime> read_time(JsonObject& object, const char* key) {
    const auto text = object.optional<std::string>(key);
    if (!text) return std::nullopt;
    const auto time = parse_rfc3339(*text);
    if (time) return *time;
    object.reject(key, time.error().message);
    return std::nullopt;
}

Json time_or_null(const std::optional<SystemTime>& time) {
    return time ? Json(format_rfc3339(*time)) : Json();
}

}  // namespace n4b::base
