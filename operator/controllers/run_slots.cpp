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
    const auto holder = holder_of_.find(group);
    std::optional<std::string> blocked;
    if (holder != holder_of_.end()) {
        blocked = fmt::format("{} runs on the same source and database", holder->second);
    } else if (group_of_.size() >= limit_) {
        blocked = fmt::format("{} backups run, which is the operator's limit", limit_);
    }
    const auto place = std::find(waiting_.begin(), waiting_.end(), key);
    if (blocked) {
        if (place == waiting_.end()) waiting_.push_back(key);
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
    std::erase(waiting_, key);
    const auto entry = group_of_.find(key);
    if (entry == group_of_.end()) return {};
    leave(entry);
    const auto count = std::min(kWake, waiting_.size());
    return {waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::size_t RunSlots::held() const {
    const std::scoped_lock lock(mutex_);
    return group_of_.size();
}

}  // namespace n4b::controllers
