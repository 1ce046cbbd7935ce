#include "operator/kube/seen_object.hpp"

#include "common/base/json_object.hpp"

namespace n4b::kube {
namespace {

using base::Json;
using base::JsonObject;

constexpr std::size_t kAnyLength = std::string::npos;  // The scanner has bounded the text.

ObjectMeta meta_of(const Json& json) {
    ObjectMeta meta;
    JsonObject(json, "").object("metadata", [&](JsonObject& metadata) {
        meta.object_namespace = metadata.value_or<std::string>("namespace", "");
        meta.name = metadata.value_or<std::string>("name", "");
        meta.uid = metadata.value_or<std::string>("uid", "");
        meta.resource_version = metadata.value_or<std::string>("resourceVersion", "");
    });
    return meta;
}

ObjectMeta meta_of_text(std::string_view text) {
    const auto json = base::parse_json(text, kAnyLength, "metadata");
    return json ? meta_of(*json) : ObjectMeta{};
}

}  // namespace

bool parse_object(const ScannedObject& object, const ObjectLimits& limits,
                  const std::function<bool(const SeenObject&)>& sink) {
    if (object.too_large) {
        return sink({.meta = meta_of_text(object.text),
                     .problem = fmt::format("it is too large: more than {} bytes, or more than {} values", limits.bytes,
                                            limits.values)});
    }
    const auto json = base::parse_json(object.text, kAnyLength, "object");
    if (!json) return sink({.meta = meta_of_text(metadata_only(object.text)), .problem = json.error().message});
    if (!json->is_object()) return sink({.problem = fmt::format("found {}, expected an object", json->type_name())});
    return sink({.meta = meta_of(*json), .json = &*json});
}

}  // namespace n4b::kube
