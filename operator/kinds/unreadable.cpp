#include "operator/kinds/unreadable.hpp"

#include "operator/api/meta.hpp"
#include "operator/api/reasons.hpp"

namespace n4b::kinds {

std::function<void(const kube::Unreadable&)> tell_unreadable(const Environment& environment, const std::string& kind) {
    auto& events = environment.events;
    return [&events, kind](const kube::Unreadable& object) {
        const auto slash = object.key.find('/');
        events.record({.kind = kind,
                       .api_version = api::api_version(),
                       .object_namespace = object.key.substr(0, slash),
                       .name = object.key.substr(slash + 1),
                       .uid = object.uid},
                      {.warning = true,
                       .reason = std::string(to_string(object.reason)),
                       .note = object.error + ". " + std::string(api::advice(object.reason)),
                       .action = "Read"});
    };
}

}  // namespace n4b::kinds
