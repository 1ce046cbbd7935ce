#include "operator/kinds/storage/storage.hpp"

#include "operator/api/read_meta.hpp"

namespace n4b::storage {

using base::Json;
using base::JsonObject;

base::Result<Storage> parse_storage(const Json& json) {
    JsonObject object(json, "");
    Storage storage;
    storage.meta = api::read_meta(object);
    object.object("spec", [&](JsonObject& spec) {
        spec.object("persistentVolumeClaim", [&](JsonObject& claim) {
            storage.claim = claim.required<std::string>("claimName");
            storage.path = claim.value_or<std::string>("path", "");
        });
        storage.runner = api::read_pod_profile(spec, "runner");
    });
    object.object("status", [&](JsonObject& status) {
        storage.observed_generation = status.value_or<std::int64_t>("observedGeneration", -1);
        storage.conditions = api::read_conditions(status);
    });
    N4B_TRY_VOID(object.finish());
    return storage;
}

std::string status_json(std::int64_t observed_generation, const std::vector<api::Condition>& conditions) {
    const Json json{{"observedGeneration", observed_generation}, {"conditions", api::conditions_json(conditions)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace n4b::storage
