#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

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

/// How many events came to which end.
struct EventCounts {
    std::uint64_t written = 0;  ///< Also those that an earlier life of the operator wrote.
    std::uint64_t failed = 0;
    std::uint64_t dropped = 0;  ///< The queue was full, or the operator stopped.
};

/// Writes events.k8s.io/v1 events in the background, so that an API server or a webhook that hangs on them holds up
/// nobody: record() only puts the event into a queue. The name comes from what is said, so saying it again after a
/// restart makes no second one. A failure is logged, counted and otherwise ignored: events are told, not relied on.
///
/// The queue holds kMaxQueued events. When it is full the oldest Normal event goes, and only when there is none the
/// oldest Warning, since Warnings are what somebody must act on. Thread-safe; owns one thread. The destructor writes
/// what it can within 0.8 s, and cancels the call under way then.
class EventRecorder {
public:
    static constexpr std::size_t kMaxQueued = 1000;  // client-go

    EventRecorder(const Client& client, const base::Clock& clock, std::string instance);
    ~EventRecorder();
    EventRecorder(const EventRecorder&) = delete;
    EventRecorder& operator=(const EventRecorder&) = delete;

    /// Does not block.
    void record(const EventTarget& target, const Event& event);
    /// Waits until everything recorded so far has come to an end; false when the deadline passed before.
    bool flush(base::Deadline deadline);
    [[nodiscard]] EventCounts counts() const;

private:
    struct Queued {
        std::uint64_t number = 0;
        std::string path{};
        std::string json{};
        std::string reason{};
    };
    void run();
    void make_room();
    Queued take();
    void write(const Queued& event);

    const base::Clock& clock_;
    std::string instance_;
    std::stop_source calls_{};
    std::stop_callback<std::function<void()>> stopped_;  ///< Ends our calls with those of the client.
    Client client_;
    mutable std::mutex mutex_{};
    std::condition_variable changed_{};
    std::deque<Queued> normal_{};
    std::deque<Queued> warning_{};
    std::uint64_t recorded_ = 0;
    bool writing_ = false;
    bool stopping_ = false;
    EventCounts counts_{};
    std::thread thread_{};  ///< Last: it uses the others.
};

}  // namespace n4b::kube
