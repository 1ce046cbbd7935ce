// What the API server tells of an attempt, and of where it may copy from.
#include "operator/controllers/backup_witnesses.hpp"

#include <fmt/format.h>

#include <utility>

#include "operator/telemetry/log.hpp"

namespace n4b::controllers {
namespace {

using base::Result;

constexpr auto kLateStart = std::chrono::seconds(4);  // Events are read only when a start takes longer than this.

}  // namespace

bool is_of(const api::Pod& pod, const api::Backup& backup, const api::Attempt& attempt) {
    return pod.meta.backup_uid == backup.meta.uid && pod.meta.name.starts_with(attempt.job + "-");
}

Result<std::shared_ptr<const api::Pod>> BackupController::live_pod(const api::Backup& backup,
                                                                   const api::Attempt& attempt) {
    std::shared_ptr<const api::Pod> pod;
    const auto query = fmt::format("labelSelector=neo4jbackup.dev%2Fbackup-uid%3D{}%2Cneo4jbackup.dev%2Fattempt%3D{}",
                                   backup.meta.uid, attempt.number);
    N4B_TRY_VOID(parts_.client.list(
        kube::collection_path("/api/v1", backup.meta.object_namespace, "pods"), query, [&](const auto& json) {
            auto found = api::parse_pod(json);
            // As in the store, one that can't be read is passed over, or it would keep the attempt from ending.
            if (!found) return telemetry::warn("a pod can't be read", {{"error", found.error().message}});
            if (!is_of(*found, backup, attempt) || (pod && found->meta.created <= pod->meta.created)) return;
            pod = std::make_shared<const api::Pod>(std::move(*found));
        }));
    return pod;
}

plan::AttemptState BackupController::observe(const api::Backup& backup, const api::Attempt& attempt,
                                             const Witnesses& seen, base::SystemTime now) {
    std::vector<api::EventRecord> events;
    const auto* pod = seen.pod.get();
    const bool started = pod != nullptr && pod->runner && (pod->runner->running || pod->runner->terminated);
    if (!started && now > attempt.started + kLateStart) {
        events = events_about(backup.meta.object_namespace, pod != nullptr ? pod->meta.name : attempt.job);
    }
    return plan::observe_attempt({.backup = backup,
                                  .attempt = attempt,
                                  .job = seen.job.get(),
                                  .pod = pod,
                                  .events = std::move(events),
                                  .now = now});
}

std::vector<api::EventRecord> BackupController::events_about(const std::string& object_namespace,
                                                             const std::string& name) {
    std::vector<api::EventRecord> events;
    const auto listed =
        parts_.client.list(kube::collection_path("/api/v1", object_namespace, "events"),
                           "limit=100&fieldSelector=involvedObject.name%3D" + name, [&](const auto& json) {
                               if (auto event = api::parse_event(json)) events.push_back(std::move(*event));
                           });
    if (!listed) telemetry::warn("events can't be read", {{"object", name}, {"error", listed.error().message}});
    return events;
}

Result<std::vector<contract::Endpoint>> BackupController::endpoints_of(const api::Backup& backup) {
    if (!backup.spec.service) return backup.spec.endpoints;
    std::vector<contract::Endpoint> endpoints;
    base::Result<void> read;
    const auto listed = parts_.client.list(
        kube::collection_path("/apis/discovery.k8s.io/v1", backup.meta.object_namespace, "endpointslices"),
        "labelSelector=kubernetes.io%2Fservice-name%3D" + backup.spec.service->name, [&](const auto& json) {
            const auto addresses = api::parse_ready_addresses(json, backup.spec.service->port);
            if (!addresses) {
                read = base::fail(addresses.error());
                return;
            }
            for (const auto& address : *addresses) {
                if (endpoints.size() < 32) endpoints.push_back(address);
            }
        });
    if (!listed) return base::fail(listed.error());
    if (!read) return base::fail(read.error());
    return endpoints;
}
}  // namespace n4b::controllers
