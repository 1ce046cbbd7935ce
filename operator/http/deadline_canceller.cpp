#include "operator/http/deadline_canceller.hpp"

#include <algorithm>

namespace n4b::http {

DeadlineCanceller::DeadlineCanceller() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

std::uint64_t DeadlineCanceller::add(base::Deadline deadline, std::function<void()> cancel) {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t id = next_++;
    entries_.emplace(id, Entry{deadline.when(), std::move(cancel)});
    changed_.notify_all();
    return id;
}

void DeadlineCanceller::remove(std::uint64_t id) {
    std::unique_lock lock(mutex_);
    entries_.erase(id);
    changed_.wait(lock, [&] { return running_ != id; });
}

void DeadlineCanceller::run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        const auto soonest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
            return a.second.when < b.second.when;
        });
        if (soonest == entries_.end()) {
            changed_.wait(lock, stop, [this] { return !entries_.empty(); });
            continue;
        }
        const auto when = soonest->second.when;
        if (when > std::chrono::steady_clock::now()) {
            const std::uint64_t seen = next_;
            changed_.wait_until(lock, stop, when, [&] { return next_ != seen; });
            continue;
        }
        auto entry = entries_.extract(soonest);
        running_ = entry.key();
        lock.unlock();
        entry.mapped().cancel();
        lock.lock();
        running_ = 0;
        changed_.notify_all();
    }
}

}  // namespace n4b::http
