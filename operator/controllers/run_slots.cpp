#include "operator/controllers/run_slots.hpp"

#include <fmt/format.h>

namespace n4b::controllers {
namespace {

constexpr std::size_t kWake = 32;  // The others look again by themselves.

}  // namespace

void RunSlots::leave_other(const std::string& key, const std::string& group) {
    const auto entry = group_of_.find(key);
    if (entry != group_of_.end() && entry->second != group) leave(entry);
}

void RunSlots::leave(std::map<std::string, std::string>::iterator entry) {
    const auto holder = holder_of_.find(entry->second);
    if (holder != holder_of_.end() && holder->second == entry->first) holder_of_.erase(holder);
    group_of_.erase(entry);
}

void RunSlots::wait(const std::string& key, const std::string& group) {
    const auto [entry, inserted] = waiting_.try_emplace(key);
    entry->second.group = group;
    if (!inserted) return;
    entry->second.turn = next_turn_++;
    turns_.emplace(entry->second.turn, key);
}

void RunSlots::stop_waiting(const std::string& key) {
    const auto entry = waiting_.find(key);
    if (entry == waiting_.end()) return;
    turns_.erase(entry->second.turn);
    waiting_.erase(entry);
}

std::optional<std::string> RunSlots::acquire(const std::string& key, const std::string& group) {
    const std::scoped_lock lock(mutex_);
    leave_other(key, group);
    if (group_of_.contains(key)) return std::nullopt;
    std::optional<std::string> blocked;
    if (holder_of_.contains(group)) {
        // Who it is would change for all that wait whenever it does, and be written to each of them.
        blocked = "another backup of the same source and database runs";
    } else if (group_of_.size() >= limit_) {
        blocked = fmt::format("{} backups run, which is the operator's limit", limit_);
    }
    if (blocked) {
        wait(key, group);
        return blocked;
    }
    stop_waiting(key);
    group_of_[key] = group;
    holder_of_[group] = key;
    return std::nullopt;
}

void RunSlots::hold(const std::string& key, const std::string& group) {
    const std::scoped_lock lock(mutex_);
    leave_other(key, group);
    group_of_[key] = group;
    holder_of_.emplace(group, key);
}

std::vector<std::string> RunSlots::release(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    stop_waiting(key);
    const auto entry = group_of_.find(key);
    if (entry == group_of_.end()) return {};
    const std::string group = entry->second;
    leave(entry);
    std::vector<std::string> woken;
    // The group's own first: of the others none may have waited for it, and of many not all are woken.
    for (const bool same : {true, false}) {
        for (const auto& [turn, waiter] : turns_) {
            if (woken.size() == kWake) return woken;
            if ((waiting_.at(waiter).group == group) == same) woken.push_back(waiter);
        }
    }
    return woken;
}

std::size_t RunSlots::held() const {
    const std::scoped_lock lock(mutex_);
    return group_of_.size();
}

}  // namespace n4b::controllers
