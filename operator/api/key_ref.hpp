#pragma once

#include <optional>
#include <string>

namespace n4b::base {
class JsonObject;
}

namespace n4b::api {

/// A key of a Secret or ConfigMap of the object's namespace. The kubelet mounts it; the operator never reads it.
struct KeyRef {
    enum class Kind { kSecret, kConfigMap } kind = Kind::kSecret;
    std::string name{};
    std::string key{};
    bool operator==(const KeyRef&) const = default;
};

/// Reads {secretRef: {name, key}} or {configMapRef: {name, key}}; nothing: it has neither.
std::optional<KeyRef> read_key_ref(base::JsonObject& object);

}  // namespace n4b::api
