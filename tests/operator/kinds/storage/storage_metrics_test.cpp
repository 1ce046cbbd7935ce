#include "operator/kinds/storage/storage_metrics.hpp"

#include <gtest/gtest.h>

#include <map>

namespace n4b::storage {
namespace {

std::map<std::string, double> shown(const StorageStatus& status) {
    kube::Store<Storage> storages([](auto&&...) {});
    const Storage storage{.meta = {.object_namespace = "db", .name = "main"}, .status = status};
    storages.apply("db/main", storage);
    std::map<std::string, double> values;
    for (const auto& sample : gauges_of(storages)) {
        EXPECT_EQ(sample.labels.at("namespace"), "db");
        EXPECT_EQ(sample.labels.at("storage"), "main");
        EXPECT_FALSE(sample.help.empty());
        values[sample.name] = sample.value;
    }
    return values;
}

TEST(StorageMetrics, ShowWhatTheLastLookFound) {
    StorageStatus status;
    status.conditions = {{.type = "Ready", .status = "True", .reason = "Ready"}};
    status.last_success = base::SystemTime(std::chrono::seconds(1'790'000'000));
    status.found = contract::StorageReport{.free_bytes = 5, .total_bytes = 9};
    EXPECT_EQ(shown(status), (std::map<std::string, double>{
                                 {"neo4jbackup_storage_ready", 1},
                                 {"neo4jbackup_storage_last_success_timestamp_seconds", 1'790'000'000},
                                 {"neo4jbackup_storage_free_bytes", 5},
                                 {"neo4jbackup_storage_total_bytes", 9},
                             }));
    status.conditions[0].status = "False";
    EXPECT_EQ(shown(status).at("neo4jbackup_storage_ready"), 0);
}

TEST(StorageMetrics, SayNothingWhileNobodyKnows) {
    StorageStatus status;
    status.conditions = {{.type = "Ready", .status = "Unknown", .reason = "Pending"}};
    EXPECT_EQ(shown(status), (std::map<std::string, double>{}));
}

}  // namespace
}  // namespace n4b::storage
