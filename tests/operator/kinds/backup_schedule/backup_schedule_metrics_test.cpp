#include "operator/kinds/backup_schedule/backup_schedule_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::backup_schedule {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const base::SystemTime kNow{seconds(1'790'000'000)};

struct Shown {
    kube::Store<BackupSchedule> schedules{[](auto&&...) {}};

    void add(BackupSchedule schedule) {
        schedule.meta.object_namespace = "db";
        schedule.meta.name = "nightly";
        schedules.apply(schedule.meta.key(), schedule);
    }
    [[nodiscard]] std::map<std::string, double> values() const {
        std::map<std::string, double> values;
        for (const auto& sample : gauges_of(schedules)) {
            EXPECT_EQ(sample.labels.at("namespace"), "db");
            EXPECT_EQ(sample.labels.at("schedule"), "nightly");
            EXPECT_FALSE(sample.help.empty());
            const auto cadence = sample.labels.find("cadence");
            values[sample.name + (cadence == sample.labels.end() ? "" : "/" + cadence->second)] = sample.value;
        }
        return values;
    }
};

TEST(BackupScheduleMetrics, ShowWhatIsKnown) {
    Shown shown;
    BackupSchedule schedule;
    schedule.spec.rpo = hours(2);
    schedule.meta.created = kNow - hours(5);
    schedule.status.next = kNow + hours(1);
    schedule.status.last_success = kNow - hours(3);
    schedule.spec.verify = contract::VerifyLevel::kChecksum;
    schedule.status.last_verified = kNow - hours(2);
    schedule.status.unexpected_full = "nightly-1";
    schedule.status.current_at = kNow - hours(4);
    schedule.status.conditions = {{.type = "LastRunSucceeded", .status = "False", .reason = "StorageFull"}};
    schedule.status.cadences = {{.name = "full", .missed = 3}, {.name = "often"}};
    shown.add(schedule);
    EXPECT_EQ(shown.values(), (std::map<std::string, double>{
                                  {"neo4jbackup_schedule_created_timestamp_seconds", 1'789'982'000},
                                  {"neo4jbackup_schedule_next_timestamp_seconds", 1'790'003'600},
                                  {"neo4jbackup_schedule_last_success_timestamp_seconds", 1'789'989'200},
                                  {"neo4jbackup_schedule_current_timestamp_seconds", 1'789'985'600},
                                  {"neo4jbackup_schedule_rpo_seconds", 7'200},
                                  {"neo4jbackup_schedule_last_run_succeeded", 0},
                                  {"neo4jbackup_schedule_last_verified_timestamp_seconds", 1'789'992'800},
                                  {"neo4jbackup_schedule_verifies", 1},
                                  {"neo4jbackup_schedule_unexpected_full", 1},
                                  {"neo4jbackup_schedule_suspended", 0},
                                  {"neo4jbackup_schedule_missed/full", 3},
                                  {"neo4jbackup_schedule_missed/often", 0},
                              }));
}

TEST(BackupScheduleMetrics, TellWhetherTheRetentionIsApplied) {
    const auto applied = [](const char* status) {
        Shown shown;
        BackupSchedule schedule;
        schedule.status.conditions = {{.type = "RetentionApplied", .status = status, .reason = "Ready"}};
        shown.add(schedule);
        const auto values = shown.values();
        const auto value = values.find("neo4jbackup_schedule_retention_applied");
        return value == values.end() ? std::optional<double>() : value->second;
    };
    EXPECT_EQ(applied("True"), 1);
    EXPECT_EQ(applied("False"), 0);
    EXPECT_EQ(applied("Unknown"), std::nullopt) << "a plan waits";
}

TEST(BackupScheduleMetrics, ShowNoTimesThatAreNotKnown) {
    Shown shown;
    BackupSchedule schedule;
    schedule.spec.suspended = true;
    shown.add(schedule);
    EXPECT_EQ(shown.values(), (std::map<std::string, double>{{"neo4jbackup_schedule_created_timestamp_seconds", 0},
                                                             {"neo4jbackup_schedule_verifies", 0},
                                                             {"neo4jbackup_schedule_unexpected_full", 0},
                                                             {"neo4jbackup_schedule_suspended", 1}}));
}

}  // namespace
}  // namespace n4b::backup_schedule
