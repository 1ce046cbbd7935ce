#include "operator/kinds/storage/storage_metrics.hpp"

#include <chrono>
#include <map>
#include <string>

namespace n4b::storage {

std::vector<telemetry::GaugeSample> gauges_of(const kube::Store<Storage>& storages) {
    std::vector<telemetry::GaugeSample> samples;
    for (const auto& storage : storages.all()) {
        const auto& status = storage->status;
        const auto add = [&](const char* name, const char* help, double value) {
            samples.push_back(
                {.name = name,
                 .help = help,
                 .labels = {{"namespace", storage->meta.object_namespace}, {"storage", storage->meta.name}},
                 .value = value});
        };
        // While nobody knows, an alert about the storage would be as wrong as its silence.
        const auto* ready = api::find_condition(status.conditions, "Ready");
        if (ready != nullptr && ready->status != "Unknown")
            add("neo4jbackup_storage_ready", "1 where the last look found that backups can be stored, 0 otherwise.",
                ready->status == "True" ? 1.0 : 0.0);
        if (status.last_success)
            add("neo4jbackup_storage_last_success_timestamp_seconds", "When the storage was last found to work.",
                std::chrono::duration<double>(status.last_success->time_since_epoch()).count());
        if (status.found && status.found->free_bytes)
            add("neo4jbackup_storage_free_bytes", "How much room was left at the last look, in bytes; volumes only.",
                static_cast<double>(*status.found->free_bytes));
        if (status.found && status.found->total_bytes)
            add("neo4jbackup_storage_total_bytes", "How much room there is in all, in bytes; volumes only.",
                static_cast<double>(*status.found->total_bytes));
    }
    return samples;
}

}  // namespace n4b::storage
