#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "operator/api/meta.hpp"
#include "operator/kinds/backup_schedule/retention_status.hpp"
#include "operator/schedule/agenda.hpp"

namespace n4b::backup_schedule {

struct CadenceSpec {
    std::string name{};
    schedule::RunType type = schedule::RunType::kFull;
    std::string cron{};
    std::string time_zone = "UTC";
    bool operator==(const CadenceSpec&) const = default;
};

struct ScheduleSpec {
    std::string template_json{};  ///< The spec of the backups to make, as the API server sent it.
    std::string source{};         ///< Of its sourceRef.
    std::string storage{};        ///< Of its storageRef.
    std::string database{};       ///< Of its databases; empty: the source's.
    contract::VerifyLevel verify = contract::VerifyLevel::kWritten;  ///< What its backups must reach.
    std::vector<CadenceSpec> cadences{};
    std::optional<std::chrono::milliseconds> jitter{};
    bool suspended = false;
    schedule::ConcurrencyPolicy concurrency = schedule::ConcurrencyPolicy::kForbid;
    std::chrono::milliseconds starting_deadline = std::chrono::hours(1);
    schedule::MissedRunPolicy missed = schedule::MissedRunPolicy::kRunOnce;
    std::optional<std::chrono::milliseconds> rpo{};
    std::optional<contract::KeepSpec> keep{};  ///< Nothing: all chains stay.
    bool dry_run = false;                      ///< Of keep: what would go is told, and stays.
};

struct CadenceStatus {
    std::string name{};
    std::string line{};  ///< The line and the zone that the rest was found for.
    std::optional<base::SystemTime> done_until{};
    std::optional<base::SystemTime> last{};
    std::string last_backup{};
    std::optional<base::SystemTime> next{};
    std::string next_note{};
    std::optional<base::SystemTime> last_success{};
    std::int64_t missed = 0;
    bool operator==(const CadenceStatus&) const = default;
};

struct ScheduleStatus {
    std::int64_t observed_generation = -1;
    std::vector<api::Condition> conditions{};
    bool suspended = false;
    std::optional<base::SystemTime> next{};
    std::optional<base::SystemTime> last_success{};
    std::optional<base::SystemTime> last_verified{};  ///< When the last one ended that was read back.
    std::string unexpected_full{};  ///< Name of the last backup, where it is a full in place of an increment.
    std::optional<base::SystemTime> current_at{};
    std::string run_now{};  ///< The last token that made a backup.
    std::vector<CadenceStatus> cadences{};
    RetentionStatus retention{};
    bool operator==(const ScheduleStatus&) const = default;
};

/// When which backups are made.
struct BackupSchedule {
    api::Meta meta{};
    ScheduleSpec spec{};
    ScheduleStatus status{};
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
/// Lines and zones are not looked into: one that is wrong must not hide the schedule from those who ask why it makes
/// nothing.
base::Result<BackupSchedule> parse_schedule(const nlohmann::json& json);

/// The status as JSON; members that are not set are null, which removes them in a merge patch.
std::string status_json(const ScheduleStatus& status);
/// A status with nothing but its conditions.
std::string conditions_json(const ScheduleStatus& status);

/// A backup to make.
struct NewBackup {
    std::string name{};
    std::string cadence{};                    ///< Empty: somebody asked for it by hand.
    std::optional<base::SystemTime> slot{};   ///< Nothing: somebody asked for it by hand.
    std::optional<schedule::RunType> type{};  ///< Nothing: that of the template.
    base::SystemTime not_after{};
};
/// The Neo4jBackup as JSON: the template's spec with type, notAfter and a ttlAfterFinished. It has labels by which it
/// is found again, none that the schedule itself bears, and no owner, so that deleting the schedule leaves the record
/// of what was stored.
std::string backup_json(const BackupSchedule& schedule, const NewBackup& backup);

}  // namespace n4b::backup_schedule
