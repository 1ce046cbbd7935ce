#include "operator/jobs/late_events.hpp"

namespace n4b::jobs {
namespace {

constexpr auto kLateStart = std::chrono::seconds(4);  // Most pods have started by then.
constexpr auto kInterval = std::chrono::seconds(15);

}  // namespace

std::vector<api::EventRecord> LateEvents::about(const run::RunOwner& owner, const run::Attempt& attempt,
                                                const Seen& seen, base::SystemTime now) {
    const auto* pod = seen.pod.get();
    const auto* container = pod != nullptr ? pod->current() : nullptr;
    const bool started = container != nullptr && (container->running || container->terminated);
    if (started || now <= attempt.started + kLateStart) return {};
    {
        const std::scoped_lock lock(mutex_);
        const auto read = read_.find(attempt.job_uid);
        if (read != read_.end() && now - read->second.at < kInterval) return read->second.events;
    }
    auto events = events_about(client_, owner.meta.object_namespace, pod != nullptr ? pod->meta.name : attempt.job);
    const std::scoped_lock lock(mutex_);
    read_[attempt.job_uid] = {.at = now, .events = events};
    return events;
}

void LateEvents::forget(const std::vector<std::string>& job_uids) {
    const std::scoped_lock lock(mutex_);
    for (const auto& uid : job_uids) read_.erase(uid);
}

}  // namespace n4b::jobs
