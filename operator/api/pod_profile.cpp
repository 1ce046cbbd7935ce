#include "operator/api/pod_profile.hpp"

#include <charconv>

#include "common/base/json_object.hpp"
#include "common/base/quantity.hpp"

namespace n4b::api {
namespace {

using base::Json;
using base::JsonObject;

constexpr std::size_t kMaxProfileBytes = std::size_t{256} << 10;

/// Thousandths of a unit, since CPUs are given in "m"; nothing for what is no quantity.
std::optional<double> value_of(const std::string& quantity) {
    if (quantity.ends_with('m')) {
        const auto thousandths = base::parse_quantity(std::string_view(quantity).substr(0, quantity.size() - 1));
        return thousandths ? std::optional(static_cast<double>(*thousandths)) : std::nullopt;
    }
    if (quantity.find_first_not_of("0123456789.") == std::string::npos) {
        // A fraction of a CPU, such as 0.5, would be cut off as a fraction of a byte.
        double number = 0;
        const auto [end, error] = std::from_chars(quantity.data(), quantity.data() + quantity.size(), number);
        return error == std::errc{} && end == quantity.data() + quantity.size() ? std::optional(number * 1000)
                                                                                : std::nullopt;
    }
    const auto whole = base::parse_quantity(quantity);
    return whole ? std::optional(static_cast<double>(*whole) * 1000) : std::nullopt;
}

Quantities read_quantities(JsonObject& resources, const char* key) {
    Quantities quantities;
    resources.object(key, [&](JsonObject& object) {
        object.members([&](const std::string& name, const Json& value) {
            quantities[name] = value.is_string() ? value.get<std::string>() : value.dump();
        });
    });
    return quantities;
}

/// A member's JSON text; empty when it is absent. An empty object counts as given.
std::string raw(JsonObject& object, const char* key) {
    const auto* value = object.raw(key);
    return value == nullptr || value->is_null() ? std::string() : value->dump();
}

PodProfile read_members(JsonObject& object) {
    PodProfile profile;
    profile.resources = read_resources(object);
    profile.service_account = object.value_or<std::string>("serviceAccountName", "");
    profile.priority_class = object.value_or<std::string>("priorityClassName", "");
    profile.security_context = raw(object, "securityContext");
    profile.node_selector = raw(object, "nodeSelector");
    profile.tolerations = raw(object, "tolerations");
    profile.affinity = raw(object, "affinity");
    profile.labels = raw(object, "labels");
    profile.annotations = raw(object, "annotations");
    profile.image_pull_secrets = raw(object, "imagePullSecrets");
    return profile;
}

}  // namespace

Resources merged(const Resources& defaults, const Resources& over) {
    Resources result = defaults;
    for (const auto& [name, quantity] : over.requests) result.requests[name] = quantity;
    for (const auto& [name, quantity] : over.limits) result.limits[name] = quantity;
    for (auto& [name, request] : result.requests) {
        const auto limit = result.limits.find(name);
        if (over.requests.contains(name) || limit == result.limits.end()) continue;
        const auto wanted = value_of(request);
        const auto most = value_of(limit->second);
        if (wanted && most && *wanted > *most) request = limit->second;
    }
    return result;
}

PodProfile merged(const PodProfile& defaults, const PodProfile& over) {
    PodProfile result = over;
    result.resources = merged(defaults.resources, over.resources);
    const auto fill = [](std::string& member, const std::string& fallback) {
        if (member.empty()) member = fallback;
    };
    fill(result.service_account, defaults.service_account);
    fill(result.priority_class, defaults.priority_class);
    fill(result.security_context, defaults.security_context);
    fill(result.node_selector, defaults.node_selector);
    fill(result.tolerations, defaults.tolerations);
    fill(result.affinity, defaults.affinity);
    fill(result.labels, defaults.labels);
    fill(result.annotations, defaults.annotations);
    fill(result.image_pull_secrets, defaults.image_pull_secrets);
    return result;
}

Resources read_resources(JsonObject& profile) {
    Resources resources;
    profile.object("resources", [&](JsonObject& object) {
        resources.requests = read_quantities(object, "requests");
        resources.limits = read_quantities(object, "limits");
    });
    return resources;
}

Json resources_json(const Resources& resources) {
    Json json = Json::object();
    if (!resources.requests.empty()) json["requests"] = resources.requests;
    if (!resources.limits.empty()) json["limits"] = resources.limits;
    return json;
}

PodProfile read_pod_profile(JsonObject& parent, const char* key) {
    PodProfile profile;
    parent.object(key, [&](JsonObject& object) { profile = read_members(object); });
    return profile;
}

std::string memory_limit(const Resources& resources) {
    const auto limit = resources.limits.find("memory");
    return limit == resources.limits.end() ? std::string() : limit->second;
}

base::Result<PodProfile> parse_pod_profile(std::string_view json) {
    N4B_TRY(const Json document, base::parse_json(json, kMaxProfileBytes, "pod defaults"));
    JsonObject object(document, "podDefaults");
    PodProfile profile = read_members(object);
    object.refuse_unknown();
    N4B_TRY_VOID(object.finish());
    return profile;
}

}  // namespace n4b::api
