#include "operator/kinds/backup_schedule/backups_of_schedules.hpp"

namespace n4b::backup_schedule {
namespace {

std::string schedule_of(const std::shared_ptr<const backup::Backup>& backup) {
    if (!backup || backup->meta.schedule.empty()) return "";
    return backup->meta.object_namespace + "/" + backup->meta.schedule;
}

}  // namespace

std::string BackupsOfSchedules::learn(const std::string& key, const std::shared_ptr<const backup::Backup>& before,
                                      const std::shared_ptr<const backup::Backup>& after) {
    const auto old = schedule_of(before);
    const auto now = schedule_of(after);
    const std::scoped_lock lock(mutex_);
    if (!old.empty() && old != now) {
        auto& backups = by_schedule_[old];
        backups.erase(key);
        if (backups.empty()) by_schedule_.erase(old);
    }
    if (!now.empty()) by_schedule_[now][key] = after;
    return now.empty() ? old : now;
}

std::vector<std::shared_ptr<const backup::Backup>> BackupsOfSchedules::of(const std::string& schedule) const {
    std::vector<std::shared_ptr<const backup::Backup>> backups;
    const std::scoped_lock lock(mutex_);
    const auto found = by_schedule_.find(schedule);
    if (found == by_schedule_.end()) return backups;
    for (const auto& [key, backup] : found->second) backups.push_back(backup);
    return backups;
}

}  // namespace n4b::backup_schedule
