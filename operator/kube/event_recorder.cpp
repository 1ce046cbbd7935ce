#include "operator/kube/event_recorder.hpp"

#include "common/base/fnv1a.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::kube {
namespace {

constexpr std::size_t kMaxNote = 1000;  // The API allows 1 kB.

}  // namespace

void EventRecorder::record(const EventTarget& target, const Event& event) {
    const std::string note = event.note.substr(0, kMaxNote);
    const auto id = base::fnv1a(fmt::format("{}/{}/{}", target.uid, event.reason, note));
    const base::Json json{
        {"apiVersion", "events.k8s.io/v1"},
        {"kind", "Event"},
        {"metadata",
         {{"name", fmt::format("{}.{:016x}", target.name.substr(0, 200), id)}, {"namespace", target.object_namespace}}},
        {"eventTime", base::format_rfc3339_micro(clock_.system_now())},
        {"reportingController", "neo4jbackup.dev/operator"},
        {"reportingInstance", instance_},
        {"action", event.action},
        {"reason", event.reason},
        {"type", event.warning ? "Warning" : "Normal"},
        {"note", note},
        {"regarding",
         {{"apiVersion", target.api_version},
          {"kind", target.kind},
          {"namespace", target.object_namespace},
          {"name", target.name},
          {"uid", target.uid}}}};
    const auto path = collection_path("/apis/events.k8s.io/v1", target.object_namespace, "events");
    const auto done = client_.create(path, json.dump(-1, ' ', false, base::Json::error_handler_t::replace));
    if (done || done.error().code == base::ErrorCode::kAlreadyExists) return;
    telemetry::warn("an event could not be written", {{"event", event.reason}, {"error", done.error().message}});
}

}  // namespace n4b::kube
