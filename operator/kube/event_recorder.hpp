#pragma once

#include <string>

#include "common/base/clock.hpp"
#include "operator/kube/client.hpp"

namespace n4b::kube {

/// The object an event is about.
struct EventTarget {
    std::string kind{};
    std::string api_version{};
    std::string object_namespace{};
    std::string name{};
    std::string uid{};
};

struct Event {
    bool warning = false;
    std::string reason{};
    std::string note{};
    std::string action{};
};

/// Writes events.k8s.io/v1 events. The name comes from what is said, so saying it again after a restart makes no second
/// one. A failure is logged and otherwise ignored: events are told, not relied on.
class EventRecorder {
public:
    EventRecorder(Client& client, const base::Clock& clock, std::string instance)
        : client_(client), clock_(clock), instance_(std::move(instance)) {}
    void record(const EventTarget& target, const Event& event);

private:
    Client& client_;
    const base::Clock& clock_;
    std::string instance_;
};

}  // namespace n4b::kube
