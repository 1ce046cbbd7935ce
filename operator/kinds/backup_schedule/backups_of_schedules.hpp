#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "operator/kinds/backup/backup.hpp"

namespace n4b::backup_schedule {

/// The backups that schedules made, by the schedule that their label names. Thread-safe.
class BackupsOfSchedules {
public:
    /// Takes in a change of a backup; null: it came, or went. The key of the schedule to look at; empty: it has none.
    std::string learn(const std::string& key, const std::shared_ptr<const backup::Backup>& before,
                      const std::shared_ptr<const backup::Backup>& after);
    /// By the schedule's key, "namespace/name".
    [[nodiscard]] std::vector<std::shared_ptr<const backup::Backup>> of(const std::string& schedule) const;

private:
    mutable std::mutex mutex_{};  ///< Guards by_schedule_.
    std::map<std::string, std::map<std::string, std::shared_ptr<const backup::Backup>>> by_schedule_{};
};

}  // namespace n4b::backup_schedule
