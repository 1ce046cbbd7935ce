#include "operator/runtime/work_queue.hpp"

#include <algorithm>

namespace n4b::runtime {
namespace {

constexpr std::uint32_t kInARow = 7;  // Changed keys before one that is only looked at again.

}  // namespace

void KeyQueue::push(const std::string& key, Urgency urgency) {
    const auto [entry, inserted] = waiting_.emplace(key, urgency);
    if (!inserted) {
        if (entry->second == Urgency::kChanged || urgency == Urgency::kAgain) return;
        entry->second = urgency;
    }
    (urgency == Urgency::kChanged ? changed_ : again_).push_back(key);
}

void KeyQueue::add(const std::string& key, Urgency urgency) {
    if (!processing_.contains(key)) return push(key, urgency);
    const auto [entry, inserted] = added_meanwhile_.emplace(key, urgency);
    if (!inserted && urgency == Urgency::kChanged) entry->second = urgency;
}

std::optional<std::string> KeyQueue::pop(std::deque<std::string>& level, Urgency urgency) {
    while (!level.empty()) {
        std::string key = std::move(level.front());
        level.pop_front();
        const auto entry = waiting_.find(key);
        if (entry == waiting_.end() || entry->second != urgency) continue;
        waiting_.erase(entry);
        return key;
    }
    return std::nullopt;
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
        add(due.value().second, Urgency::kAgain);
    }
    const bool others_turn = changed_in_a_row_ >= kInARow;
    auto key = others_turn ? pop(again_, Urgency::kAgain) : pop(changed_, Urgency::kChanged);
    bool changed = !others_turn;
    if (!key) {
        key = others_turn ? pop(changed_, Urgency::kChanged) : pop(again_, Urgency::kAgain);
        changed = others_turn;
    }
    if (!key) return std::nullopt;
    // Turns are counted only while somebody else waits for them.
    changed_in_a_row_ = changed && !again_.empty() ? changed_in_a_row_ + 1 : 0;
    processing_.insert(*key);
    return key;
}

void KeyQueue::done(const std::string& key) {
    processing_.erase(key);
    const auto added = added_meanwhile_.extract(key);
    if (!added.empty()) push(key, added.mapped());
}

std::optional<base::SteadyTime> KeyQueue::next_due() const {
    return by_due_.empty() ? std::nullopt : std::optional(by_due_.begin()->first);
}

void WorkQueue::add(const std::string& key, Urgency urgency) {
    const std::scoped_lock lock(mutex_);
    queue_.add(key, urgency);
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
