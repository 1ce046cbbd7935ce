#include "operator/kinds/backup/backup_metrics.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace n4b::backup {
namespace {

using Labels = std::map<std::string, std::string>;
using BackupPtr = std::shared_ptr<const Backup>;

double seconds_of(base::SystemTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

base::SystemTime end_of(const Backup& backup) {
    return backup.status.run.completed.value_or(base::SystemTime::min());
}

/// What the storage calls the source, also after somebody has deleted the source's object.
std::string identity_of(const Backup& backup, const kube::Store<source::Source>& sources) {
    const auto source = sources.get(backup.meta.object_namespace + "/" + backup.spec.source);
    return source ? source->identity() : backup.spec.source;
}

void add_certificates(std::vector<telemetry::GaugeSample>& samples, const Backup& backup, Labels labels) {
    if (!backup.status.tls) return;
    labels.erase("database");  // Certificates are those of all databases of the source.
    const auto add = [&](const char* whose, const std::optional<base::SystemTime>& time) {
        if (!time) return;
        labels["certificate"] = whose;
        samples.push_back({.name = "neo4jbackup_source_certificate_expiry_timestamp_seconds",
                           .help = "When the certificates of the last copy expire: the runner's own (client) and the "
                                   "source's (server).",
                           .labels = labels,
                           .value = seconds_of(*time)});
    };
    add("client", backup.status.tls->certificate_expires);
    add("server", backup.status.tls->server_certificate_expires);
}

// Both times are those of the artifact that the run made, or where there was nothing new, of the one that it found.
std::optional<base::SystemTime> recoverable_to(const BackupStatus& status) {
    if (status.artifact) return status.artifact->recoverable_to;
    return status.up_to_date ? status.up_to_date->recoverable_to : std::nullopt;
}
std::optional<base::SystemTime> current_at(const BackupStatus& status) {
    if (status.artifact) return status.artifact->current_at;
    return status.up_to_date ? status.up_to_date->current_at : std::nullopt;
}

void add_gauges(std::vector<telemetry::GaugeSample>& samples, const Backup& backup, const Labels& labels) {
    const auto& status = backup.status;
    if (const auto recoverable = recoverable_to(status)) {
        // Commit times are the members' own: a member whose clock is ahead must not keep an alert silent.
        const auto time = std::min(*recoverable, status.run.completed.value_or(base::SystemTime::max()));
        samples.push_back({.name = "neo4jbackup_last_recoverable_timestamp_seconds",
                           .help = "Commit time up to which the last succeeded backup restores, at most when it ended.",
                           .labels = labels,
                           .value = seconds_of(time)});
    }
    if (const auto current = current_at(status)) {
        samples.push_back({.name = "neo4jbackup_last_current_timestamp_seconds",
                           .help = "When the source had committed no more than the last succeeded backup holds; absent "
                                   "when its lag was unknown or too large.",
                           .labels = labels,
                           .value = seconds_of(*current)});
    }
    if (status.source) {
        const auto lag = status.source->lag;
        samples.push_back(
            {.name = "neo4jbackup_source_lag_transactions",
             .help = "Transactions that the last copy's source was behind the newest known member; NaN when unknown.",
             .labels = labels,
             .value = lag ? static_cast<double>(*lag) : std::numeric_limits<double>::quiet_NaN()});
    }
    add_certificates(samples, backup, labels);
}

}  // namespace

std::vector<telemetry::GaugeSample> gauges_of(const kube::Store<Backup>& backups,
                                              const kube::Store<source::Source>& sources) {
    std::map<Labels, BackupPtr> newest;
    for (auto& backup : backups.all()) {
        const auto& status = backup->status;
        if (!backup->succeeded() || !(status.artifact || status.up_to_date)) continue;
        auto& best = newest[{{"namespace", backup->meta.object_namespace},
                             {"source", identity_of(*backup, sources)},
                             {"database", status.artifact ? status.artifact->database : status.database}}];
        if (!best || end_of(*backup) > end_of(*best)) best = std::move(backup);
    }
    std::vector<telemetry::GaugeSample> samples;
    for (const auto& [labels, backup] : newest) add_gauges(samples, *backup, labels);
    return samples;
}

}  // namespace n4b::backup
