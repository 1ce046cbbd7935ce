#include "operator/api/meta.hpp"

#include <algorithm>

#include "operator/api/names.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::api {

using base::Json;
using base::JsonObject;

std::string api_version() {
    return fmt::format("{}/{}", kGroup, kVersion);
}

std::string api_path() {
    return "/apis/" + api_version();
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
    const auto found =
        std::find_if(conditions.begin(), conditions.end(), [&](const auto& c) { return c.type == type; });
    return found == conditions.end() ? nullptr : &*found;
}

void set_condition(std::vector<Condition>& conditions, Condition condition) {
    const auto found =
        std::find_if(conditions.begin(), conditions.end(), [&](const auto& c) { return c.type == condition.type; });
    if (found == conditions.end()) {
        conditions.push_back(std::move(condition));
        return;
    }
    if (found->status == condition.status) condition.last_transition = found->last_transition;
    *found = std::move(condition);
}

Meta read_meta(JsonObject& document) {
    Meta meta;
    const bool found = document.object("metadata", [&](JsonObject& object) {
        meta.name = object.required<std::string>("name");
        meta.object_namespace = object.value_or<std::string>("namespace", "");
        meta.uid = object.required<std::string>("uid");
        meta.resource_version = object.required<std::string>("resourceVersion");
        meta.generation = object.value_or<std::int64_t>("generation", 0);
        meta.created = read_time(object, "creationTimestamp").value_or(base::SystemTime{});
        meta.deleted = read_time(object, "deletionTimestamp");
        object.each("ownerReferences", [&](JsonObject& owner) {
            if (owner.value_or("controller", false)) meta.controller_uid = owner.required<std::string>("uid");
        });
        object.object("labels", [&](JsonObject& labels) {
            meta.owner_uid = labels.value_or<std::string>(kOwnerUidLabel, "");
            meta.owner_kind = labels.value_or<std::string>(kKindLabel, "");
            meta.owner_name = labels.value_or<std::string>(kOwnerLabel, "");
            meta.schedule = labels.value_or<std::string>(kScheduleLabel, "");
            meta.cadence = labels.value_or<std::string>(kCadenceLabel, "");
            meta.restored = labels.has(kVeleroLabel);
        });
        object.object("annotations", [&](JsonObject& annotations) {
            meta.digest = annotations.value_or<std::string>(kDigestAnnotation, "");
            meta.slot = annotations.value_or<std::string>(kSlotAnnotation, "");
            meta.run_now = annotations.value_or<std::string>(kRunNowAnnotation, "");
            meta.locks = annotations.value_or<std::string>(kLocksAnnotation, "");
        });
    });
    if (!found) document.reject("metadata", "missing");
    return meta;
}

std::vector<Condition> read_conditions(JsonObject& status) {
    std::vector<Condition> conditions;
    status.each("conditions", [&](JsonObject& object) {
        conditions.push_back({.type = object.required<std::string>("type"),
                              .status = object.required<std::string>("status"),
                              .reason = object.value_or<std::string>("reason", ""),
                              .message = object.value_or<std::string>("message", ""),
                              .last_transition = read_time(object, "lastTransitionTime").value_or(base::SystemTime{}),
                              .observed_generation = object.value_or<std::int64_t>("observedGeneration", 0)});
    });
    return conditions;
}

Json conditions_json(const std::vector<Condition>& conditions) {
    Json list = Json::array();
    for (const auto& c : conditions) {
        list.push_back({{"type", c.type},
                        {"status", c.status},
                        {"reason", c.reason},
                        {"message", c.message},
                        {"lastTransitionTime", base::format_rfc3339(c.last_transition)},
                        {"observedGeneration", c.observed_generation}});
    }
    return list;
}

}  // namespace n4b::api
