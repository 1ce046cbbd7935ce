#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operator/kube/object_scanner.hpp"

namespace n4b::kube {

/// What tells an object from others, whether or not the rest of it can be read.
struct ObjectMeta {
    std::string object_namespace{};
    std::string name{};
    std::string uid{};
    std::string resource_version{};
    /// "namespace/name", as work queues and stores know it.
    [[nodiscard]] std::string key() const { return object_namespace + "/" + name; }
    bool operator==(const ObjectMeta&) const = default;
};

/// One object as the API server sent it, valid during the call.
struct SeenObject {
    ObjectMeta meta{};                     ///< Empty when not even that can be read.
    const nlohmann::json* json = nullptr;  ///< Without what ObjectScanner leaves out. Null: it can't be read,
    std::string problem{};                 ///< because of this.
};

/// Parses one object and passes it on. What the sink returns comes back.
bool parse_object(const ScannedObject& object, const ObjectLimits& limits,
                  const std::function<bool(const SeenObject&)>& sink);

}  // namespace n4b::kube
