#include "operator/kube/event_recorder.hpp"

#include <bit>

#include "common/base/fnv1a.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::kube {
namespace {

constexpr std::size_t kMaxNote = 1000;  // The API allows 1 kB.
// Of the 10 s that the whole operator has for its end; the last events tell why it stopped what it did.
constexpr auto kLastWords = std::chrono::milliseconds(800);

}  // namespace

EventRecorder::EventRecorder(const Client& client, const base::Clock& clock, std::string instance)
    : clock_(clock),
      instance_(std::move(instance)),
      stopped_(client.stop_token(), [this] { calls_.request_stop(); }),
      client_(client.with_stop(calls_.get_token())),
      thread_([this] { run(); }) {}

EventRecorder::~EventRecorder() {
    {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
        changed_.wait_for(lock, kLastWords, [this] { return normal_.empty() && warning_.empty() && !writing_; });
        counts_.dropped += normal_.size() + warning_.size();
        normal_.clear();
        warning_.clear();
    }
    calls_.request_stop();
    thread_.join();
}

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
    Queued queued{.path = collection_path("/apis/events.k8s.io/v1", target.object_namespace, "events"),
                  .json = json.dump(-1, ' ', false, base::Json::error_handler_t::replace),
                  .reason = event.reason};
    const std::scoped_lock lock(mutex_);
    queued.number = ++recorded_;
    (event.warning ? warning_ : normal_).push_back(std::move(queued));
    if (normal_.size() + warning_.size() > kMaxQueued) make_room();
    changed_.notify_all();
}

void EventRecorder::make_room() {
    (normal_.empty() ? warning_ : normal_).pop_front();
    ++counts_.dropped;
    if (std::has_single_bit(counts_.dropped)) {
        telemetry::warn("events are dropped: the API server takes them more slowly than they come",
                        {{"dropped", std::to_string(counts_.dropped)}});
    }
}

bool EventRecorder::flush(base::Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto until = recorded_;
    const auto waits = [&](const std::deque<Queued>& queue) { return !queue.empty() && queue.front().number <= until; };
    return changed_.wait_until(lock, deadline.when(), [&] { return !waits(normal_) && !waits(warning_) && !writing_; });
}

EventCounts EventRecorder::counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
}

EventRecorder::Queued EventRecorder::take() {
    const bool warning_first =
        normal_.empty() || (!warning_.empty() && warning_.front().number < normal_.front().number);
    auto& queue = warning_first ? warning_ : normal_;
    Queued event = std::move(queue.front());
    queue.pop_front();
    return event;
}

void EventRecorder::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || !normal_.empty() || !warning_.empty(); });
        if (normal_.empty() && warning_.empty()) return;
        const Queued event = take();
        writing_ = true;
        lock.unlock();
        write(event);
        lock.lock();
        writing_ = false;
        changed_.notify_all();
    }
}

void EventRecorder::write(const Queued& event) {
    const auto done = client_.create(event.path, event.json);
    const bool written = done || done.error().code == base::ErrorCode::kAlreadyExists;
    const bool cancelled = !written && done.error().code == base::ErrorCode::kCancelled;
    {
        const std::scoped_lock lock(mutex_);
        ++(written ? counts_.written : cancelled ? counts_.dropped : counts_.failed);
    }
    if (written || cancelled) return;
    telemetry::warn("an event could not be written", {{"event", event.reason}, {"error", done.error().message}});
}

}  // namespace n4b::kube
