#include "operator/kinds/backup_schedule/backup_schedule_metrics.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace n4b::backup_schedule {
namespace {

using Labels = std::map<std::string, std::string>;

class Samples {
public:
    explicit Samples(const Labels& labels) : labels_(labels) {}
    void add(const char* name, const char* help, double value) {
        samples_.push_back({.name = name, .help = help, .labels = labels_, .value = value});
    }
    void add(const char* name, const char* help, const std::optional<base::SystemTime>& time) {
        if (time) add(name, help, std::chrono::duration<double>(time->time_since_epoch()).count());
    }
    void add_of(const std::string& cadence, const char* name, const char* help, double value) {
        auto labels = labels_;
        labels["cadence"] = cadence;
        samples_.push_back({.name = name, .help = help, .labels = std::move(labels), .value = value});
    }
    std::vector<telemetry::GaugeSample> take() { return std::move(samples_); }

private:
    Labels labels_;
    std::vector<telemetry::GaugeSample> samples_{};
};

}  // namespace

std::vector<telemetry::GaugeSample> gauges_of(const kube::Store<BackupSchedule>& schedules) {
    std::vector<telemetry::GaugeSample> all;
    for (const auto& schedule : schedules.all()) {
        const auto& status = schedule->status;
        Samples samples({{"namespace", schedule->meta.object_namespace}, {"schedule", schedule->meta.name}});
        samples.add("neo4jbackup_schedule_created_timestamp_seconds", "When the schedule was made.",
                    std::optional(schedule->meta.created));
        samples.add("neo4jbackup_schedule_next_timestamp_seconds",
                    "When the schedule's next backup begins; absent while nothing is due.", status.next);
        samples.add("neo4jbackup_schedule_last_success_timestamp_seconds",
                    "When the schedule's last backup that succeeded ended; absent before the first.",
                    status.last_success);
        samples.add("neo4jbackup_schedule_current_timestamp_seconds",
                    "Up to when everything that was committed can be restored, of all backups of the schedule's source "
                    "and database in its storage; absent while no backup tells.",
                    status.current_at);
        if (schedule->spec.rpo)
            samples.add("neo4jbackup_schedule_rpo_seconds",
                        "How old what can be restored may become, as spec.rpo of the schedule says.",
                        std::chrono::duration<double>(*schedule->spec.rpo).count());
        if (const auto* last = api::find_condition(status.conditions, "LastRunSucceeded");
            last != nullptr && last->status != "Unknown")
            samples.add(
                "neo4jbackup_schedule_last_run_succeeded",
                "1 where the schedule's last backup that ended succeeded, 0 otherwise; absent before the first.",
                last->status == "True" ? 1.0 : 0.0);
        samples.add("neo4jbackup_schedule_last_verified_timestamp_seconds",
                    "When the schedule's last backup ended that was read back whole; absent before the first.",
                    status.last_verified);
        samples.add("neo4jbackup_schedule_verifies",
                    "1 where the schedule asks for backups that are read back (spec.template.verify), 0 otherwise.",
                    schedule->spec.verify > contract::VerifyLevel::kWritten ? 1.0 : 0.0);
        samples.add(
            "neo4jbackup_schedule_unexpected_full",
            "1 where the schedule's last backup that ended is a full one in place of an increment, 0 otherwise.",
            status.unexpected_full.empty() ? 0.0 : 1.0);
        if (const auto* applied = api::find_condition(status.conditions, "RetentionApplied");
            applied != nullptr && applied->status != "Unknown")
            samples.add(
                "neo4jbackup_schedule_retention_applied",
                "1 where the last run of the schedule's retention left nothing to do, 0 where it failed; absent "
                "without spec.keep, and while a plan waits.",
                applied->status == "True" ? 1.0 : 0.0);
        samples.add("neo4jbackup_schedule_suspended", "1 while spec.suspend of the schedule is true, 0 otherwise.",
                    schedule->spec.suspended ? 1.0 : 0.0);
        for (const auto& cadence : status.cadences)
            samples.add_of(cadence.name, "neo4jbackup_schedule_missed",
                           "How many times of the cadence made no backup since it was written.",
                           static_cast<double>(cadence.missed));
        for (auto& sample : samples.take()) all.push_back(std::move(sample));
    }
    return all;
}

}  // namespace n4b::backup_schedule
