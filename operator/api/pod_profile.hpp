#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::base {
class JsonObject;
}

namespace n4b::api {

/// Quantities by resource name: cpu, memory, ephemeral-storage.
using Quantities = std::map<std::string, std::string>;

struct Resources {
    Quantities requests{};
    Quantities limits{};
    bool operator==(const Resources&) const = default;
};

/// How a runner's pod is to be, as an administrator's object or the chart's values give it. The JSON texts go into the
/// pod as they are, since the CRD's schema has bounded them; an empty text means that the member was not given.
struct PodProfile {
    Resources resources{};
    std::string service_account{};
    std::string priority_class{};
    std::string security_context{};
    std::string node_selector{};
    std::string tolerations{};
    std::string affinity{};
    std::string labels{};
    std::string annotations{};
    std::string image_pull_secrets{};
    bool operator==(const PodProfile&) const = default;
};

/// The profile with what `over` gives put over it. A member that `over` gives replaces the whole member, so an empty
/// securityContext leaves the ids out; resources are merged by name, and a request above its limit is lowered to it.
PodProfile merged(const PodProfile& defaults, const PodProfile& over);
Resources merged(const Resources& defaults, const Resources& over);

/// Reads a member `key` that holds a profile; nothing there: an empty profile.
PodProfile read_pod_profile(base::JsonObject& parent, const char* key);
Resources read_resources(base::JsonObject& profile);
nlohmann::json resources_json(const Resources& resources);
/// As it is written; empty where there is none.
std::string memory_limit(const Resources& resources);

/// A profile from a file's text, as the chart renders it. Invalid with the member's path.
base::Result<PodProfile> parse_pod_profile(std::string_view json);

}  // namespace n4b::api
