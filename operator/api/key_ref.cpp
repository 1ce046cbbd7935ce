#include "operator/api/key_ref.hpp"

#include "common/base/json_object.hpp"

namespace n4b::api {

std::optional<KeyRef> read_key_ref(base::JsonObject& object) {
    std::optional<KeyRef> found;
    const auto read = [&](const char* member, KeyRef::Kind kind) {
        object.object(member, [&](base::JsonObject& ref) {
            found = KeyRef{
                .kind = kind, .name = ref.required<std::string>("name"), .key = ref.required<std::string>("key")};
        });
    };
    read("secretRef", KeyRef::Kind::kSecret);
    read("configMapRef", KeyRef::Kind::kConfigMap);
    return found;
}

}  // namespace n4b::api
