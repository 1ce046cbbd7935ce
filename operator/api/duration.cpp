#include "operator/api/duration.hpp"

#include <string>

#include "common/base/duration.hpp"
#include "common/base/json_object.hpp"

namespace n4b::api {

void read_duration(base::JsonObject& object, const char* key, std::chrono::milliseconds& out) {
    const auto text = object.optional<std::string>(key);
    if (!text) return;
    if (const auto duration = base::parse_duration(*text)) {
        out = *duration;
    } else {
        object.reject(key, duration.error().message);
    }
}

std::optional<std::chrono::milliseconds> read_duration(base::JsonObject& object, const char* key) {
    if (!object.has(key)) return std::nullopt;
    std::chrono::milliseconds duration{};
    read_duration(object, key, duration);
    return duration;
}

}  // namespace n4b::api
