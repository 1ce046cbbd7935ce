#include "operator/runtime/work_queue.hpp"

#include <algorithm>

namespace n4b::runtime {

void KeyQueue::add(const std::string& key) {
    if (!dirty_.insert(key).second) return;
    if (!processing_.contains(key)) ready_.push_back(key);
}

void KeyQueue::add_at(const std::string& key, base::SteadyTime when) {
    const auto [entry, inserted] = delayed_.emplace(key, when);
    if (!inserted) entry->second = std::min(entry->second, when);
}

std::optional<std::string> KeyQueue::take(base::SteadyTime now) {
    for (auto entry = delayed_.begin(); entry != delayed_.end();) {
        if (entry->second <= now) {
            add(entry->first);
            entry = delayed_.erase(entry);
        } else {
            ++entry;
        }
    }
    if (ready_.empty()) return std::nullopt;
    std::string key = std::move(ready_.front());
    ready_.pop_front();
    dirty_.erase(key);
    processing_.insert(key);
    return key;
}

void KeyQueue::done(const std::string& key) {
    processing_.erase(key);
    if (dirty_.contains(key)) ready_.push_back(key);
}

std::optional<base::SteadyTime> KeyQueue::next_due() const {
    const auto soonest = std::min_element(delayed_.begin(), delayed_.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
    return soonest == delayed_.end() ? std::nullopt : std::optional(soonest->second);
}

void WorkQueue::add(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    queue_.add(key);
    changed_.notify_one();
}

void WorkQueue::add_after(const std::string& key, std::chrono::milliseconds delay) {
    const auto bounded =
        std::clamp(delay, std::chrono::milliseconds(0), std::chrono::milliseconds(std::chrono::hours(1)));
    const std::scoped_lock lock(mutex_);
    queue_.add_at(key, std::chrono::steady_clock::now() + bounded);
    changed_.notify_one();
}

std::optional<std::string> WorkQueue::take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        if (auto key = queue_.take(std::chrono::steady_clock::now())) return key;
        const auto due = queue_.next_due();
        const auto woken = [this, due] { return queue_.depth() > 0 || queue_.next_due() != due; };
        if (due) {
            changed_.wait_until(lock, stop, *due, woken);
        } else {
            changed_.wait(lock, stop, woken);
        }
    }
    return std::nullopt;
}

void WorkQueue::done(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    queue_.done(key);
    changed_.notify_one();
}

std::uint32_t WorkQueue::fail(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return queue_.fail(key);
}

void WorkQueue::forget(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    queue_.forget(key);
}

std::size_t WorkQueue::depth() const {
    const std::scoped_lock lock(mutex_);
    return queue_.depth();
}

}  // namespace n4b::runtime
