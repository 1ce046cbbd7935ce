#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"
#include "operator/api/meta.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::base {
class JsonObject;
}

namespace n4b::backup_schedule {

/// What a run of the retention does: it makes the plan, which is shown before anything goes, or removes what the plan
/// has told.
enum class RetentionStep { kNone, kPlan, kRemove };

/// How the retention of a schedule stands.
struct RetentionStatus {
    RetentionStep step = RetentionStep::kNone;  ///< Of the run under way, or the last one; kNone: there was none.
    std::int64_t generation = -1;               ///< Of the schedule's spec when the last plan was begun.
    std::optional<base::SystemTime> planned{};  ///< When the last plan was begun that was made.
    std::optional<contract::PruneReport> plan{};
    std::optional<base::SystemTime> removed{};  ///< When what a plan told was last removed.
    std::optional<contract::PruneReport> result{};
    run::RunStatus run{};
    bool operator==(const RetentionStatus&) const = default;
};

/// Reads spec.keep but its dryRun.
contract::KeepSpec read_keep(base::JsonObject& object);

/// The condition that tells of the run under way, or of the last one.
inline constexpr char kPruning[] = "Pruning";

/// Reads and writes status.retention.
RetentionStatus read_retention(base::JsonObject& object);
/// When the API server refused all of a status but its conditions: they alone tell that the run has ended. Nothing: it
/// did not.
std::optional<base::SystemTime> refused_at(const std::vector<api::Condition>& conditions);
nlohmann::json retention_json(const RetentionStatus& retention);

}  // namespace n4b::backup_schedule
