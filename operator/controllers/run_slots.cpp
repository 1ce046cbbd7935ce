#include "operator/controllers/run_slots.hpp"

#include <fmt/format.h>

#include <algorithm>

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
    const auto place = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& w) { return w.key == key; });
    if (blocked) {
        if (place == waiting_.end()) {
            waiting_.push_back({key, group});
        } else {
            place->group = group;
        }
        return blocked;
    }
    if (place != waiting_.end()) waiting_.erase(place);
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
    std::erase_if(waiting_, [&](const auto& w) { return w.key == key; });
    const auto entry = group_of_.find(key);
    if (entry == group_of_.end()) return {};
    const std::string group = entry->second;
    leave(entry);
    std::vector<std::string> woken;
    // The group's own first: of the others none may have waited for it, and of many not all are woken.
    for (const bool same : {true, false}) {
        for (const auto& waiting : waiting_) {
            if (woken.size() < kWake && (waiting.group == group) == same) woken.push_back(waiting.key);
        }
    }
    return woken;
}

std::size_t RunSlots::held() const {
    const std::scoped_lock lock(mutex_);
    return group_of_.size();
}

}  // namespace n4b::controllers
