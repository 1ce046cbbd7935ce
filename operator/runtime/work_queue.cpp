#include "operator/runtime/work_queue.hpp"

#include <algorithm>

namespace n4b::runtime {

void KeyQueue::add(const std::string& key) {
    if (!dirty_.insert(key).second) return;
    if (!processing_.contains(key)) ready_.push_back(key);
}

void KeyQueue::add_at(const std::string& key, base::SteadyTime when) {
    const auto [entry, inserted] = delayed_.emplace(key, when);
    if (!inserted) {
        if (entry->second <= when) return;
        by_due_.erase({entry->second, key});
        entry->second = when;
    }
    by_due_.emplace(when, key);
}

std::optional<std::string> KeyQueue::take(base::SteadyTime now) {
    while (!by_due_.empty() && by_due_.begin()->first <= now) {
        const auto due = by_due_.extract(by_due_.begin());
        delayed_.erase(due.value().second);
        add(due.value().second);
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
    return by_due_.empty() ? std::nullopt : std::optional(by_due_.begin()->first);
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
