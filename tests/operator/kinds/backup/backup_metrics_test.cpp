#include "operator/kinds/backup/backup_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace n4b::backup {
namespace {

using std::chrono::hours;
using testing::IsEmpty;

const base::SystemTime kNow{std::chrono::seconds(1'790'000'000)};

/// The stores, and what is shown of them.
struct Shown {
    kube::Store<Backup> backups{[](auto&&...) {}};
    kube::Store<source::Source> sources{[](auto&&...) {}};

    /// A backup of "prod" that ended then and restores up to that time.
    static Backup succeeded(const std::string& name, base::SystemTime completed, base::SystemTime recoverable) {
        Backup backup{.meta = {.object_namespace = "db", .name = name}, .spec = {.source = "prod"}};
        backup.status.run.completed = completed;
        backup.status.conditions = {{.type = "Succeeded", .status = "True", .reason = "Completed"}};
        auto& artifact = backup.status.artifact.emplace();
        artifact.database = "graph.db";
        artifact.recoverable_to = recoverable;
        return backup;
    }
    void add(const Backup& backup) { backups.apply(backup.meta.key(), backup); }
    [[nodiscard]] std::vector<telemetry::GaugeSample> named(const std::string& part) const {
        std::vector<telemetry::GaugeSample> found;
        for (auto& sample : gauges_of(backups, sources)) {
            if (sample.name.find(part) != std::string::npos) found.push_back(std::move(sample));
        }
        return found;
    }
    [[nodiscard]] double recoverable() const {
        const auto samples = named("last_recoverable");
        EXPECT_EQ(samples.size(), 1U);
        return samples.empty() ? 0 : samples[0].value;
    }
};

TEST(BackupMetrics, ShowTheRunThatEndedLastAndNeverTheFuture) {
    Shown shown;
    shown.add(Shown::succeeded("z", kNow - hours(2), kNow + hours(24 * 365)));
    EXPECT_EQ(shown.recoverable(), 1'790'000'000 - 7200) << "a member's clock is ahead";
    shown.add(Shown::succeeded("a", kNow - hours(1), kNow - hours(3)));
    EXPECT_EQ(shown.recoverable(), 1'790'000'000 - 10800);
    shown.add(Shown::succeeded("m", kNow - hours(5), kNow - hours(5)));
    EXPECT_EQ(shown.recoverable(), 1'790'000'000 - 10800) << "an older one comes into view";
}

TEST(BackupMetrics, MoveOnWithARunThatFoundNothingNew) {
    Shown shown;
    auto full = Shown::succeeded("a", kNow - hours(2), kNow - hours(3));
    full.status.artifact->current_at = kNow - hours(2);
    shown.add(full);
    EXPECT_EQ(shown.named("last_current")[0].value, 1'790'000'000 - 7200);
    auto quiet = Shown::succeeded("b", kNow, kNow);
    quiet.status.artifact.reset();
    quiet.status.database = "graph.db";
    quiet.status.up_to_date = contract::UpToDateReport{.recoverable_to = kNow - hours(3), .current_at = kNow};
    shown.add(quiet);
    EXPECT_EQ(shown.recoverable(), 1'790'000'000 - 10800);
    ASSERT_EQ(shown.named("last_current").size(), 1U);
    EXPECT_EQ(shown.named("last_current")[0].value, 1'790'000'000);
}

TEST(BackupMetrics, GoWithTheirObjects) {
    Shown shown;
    shown.add(Shown::succeeded("a", kNow, kNow));
    shown.add(Shown::succeeded("b", kNow - hours(1), kNow - hours(1)));
    shown.backups.remove("db/a");
    EXPECT_EQ(shown.recoverable(), 1'790'000'000 - 3600);
    shown.backups.remove("db/b");
    EXPECT_THAT(shown.named(""), IsEmpty());
}

TEST(BackupMetrics, ShowNothingOfWhatDidNotSucceed) {
    Shown shown;
    auto failed = Shown::succeeded("a", kNow, kNow);
    failed.status.conditions[0].status = "False";
    shown.add(failed);
    EXPECT_THAT(shown.named(""), IsEmpty());
}

TEST(BackupMetrics, CallASourceAsItsStorageDoes) {
    Shown shown;
    shown.add(Shown::succeeded("a", kNow, kNow));
    EXPECT_EQ(shown.named("last_recoverable")[0].labels.at("source"), "prod");
    shown.sources.apply("db/prod",
                        {.meta = {.object_namespace = "db", .name = "prod"}, .spec = {.name = "production"}});
    EXPECT_EQ(
        shown.named("last_recoverable")[0].labels,
        (std::map<std::string, std::string>{{"namespace", "db"}, {"source", "production"}, {"database", "graph.db"}}));
}

TEST(BackupMetrics, ShowAnUnknownLagAsNaN) {
    Shown shown;
    auto backup = Shown::succeeded("a", kNow, kNow);
    backup.status.source = contract::SourceReport{.lag = 3};
    shown.add(backup);
    EXPECT_EQ(shown.named("lag_transactions")[0].value, 3);
    backup.status.source->lag.reset();
    shown.add(backup);
    EXPECT_TRUE(std::isnan(shown.named("lag_transactions")[0].value));
}

TEST(BackupMetrics, ShowWhenTheCertificatesOfTheLastCopyExpire) {
    Shown shown;
    auto backup = Shown::succeeded("a", kNow, kNow);
    EXPECT_THAT(shown.named("certificate"), IsEmpty());
    backup.status.tls = contract::TlsReport{.server_certificate_expires = kNow + hours(1)};
    shown.add(backup);
    const auto samples = shown.named("certificate");
    ASSERT_EQ(samples.size(), 1U);
    EXPECT_EQ(samples[0].labels,
              (std::map<std::string, std::string>{{"namespace", "db"}, {"source", "prod"}, {"certificate", "server"}}));
    EXPECT_EQ(samples[0].value, 1'790'003'600);
}

}  // namespace
}  // namespace n4b::backup
