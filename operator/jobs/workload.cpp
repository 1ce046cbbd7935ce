#include "operator/jobs/workload.hpp"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "operator/telemetry/log.hpp"

namespace n4b::jobs {
namespace {

using base::ErrorCode;
using base::Result;

}  // namespace

PodPtr own_pod_of(const std::vector<PodPtr>& pods, const std::string& job_uid) {
    PodPtr own;
    for (const auto& pod : pods) {
        if (job_uid.empty() || pod->meta.controller_uid != job_uid) continue;
        const auto age = [](const PodPtr& each) { return std::tie(each->meta.created, each->meta.uid); };
        if (!own || age(pod) < age(own)) own = pod;  // Created in one second: the choice must not change.
    }
    return own;
}

Seen seen_of(const Workload& workload, const std::string& owner_uid, const run::Attempt& attempt) {
    Seen seen;
    for (auto& job : workload.jobs_of(owner_uid)) {
        if (job->meta.uid == attempt.job_uid) seen.job = std::move(job);
    }
    seen.pod = own_pod_of(workload.pods_of(attempt.job_uid), attempt.job_uid);
    return seen;
}

Result<JobPtr> live_job(kube::Client& client, const api::Meta& owner, const run::Attempt& attempt) {
    Result<api::Job> live = base::fail(ErrorCode::kInternal, "no object");
    const auto got = client.get(job_path(owner, attempt.job), [&](const auto& json) { live = api::parse_job(json); });
    if (!got && got.error().code == ErrorCode::kNotFound) return JobPtr{};
    if (!got) return base::fail(got.error());
    if (!live) return base::fail(live.error());
    if (live->meta.uid != attempt.job_uid) return JobPtr{};
    return std::make_shared<const api::Job>(std::move(*live));
}

Result<std::vector<PodPtr>> live_pods(kube::Client& client, const api::Meta& owner) {
    std::vector<PodPtr> pods;
    const auto query = "labelSelector=neo4jbackup.dev%2Fowner-uid%3D" + owner.uid;
    N4B_TRY_VOID(
        client.list(kube::collection_path("/api/v1", owner.object_namespace, "pods"), query, [&](const auto& json) {
            auto pod = api::parse_pod(json);
            // A pod that can't be read would keep the attempt from ever ending.
            if (!pod) {
                telemetry::warn("a pod can't be read", {{"error", pod.error().message}});
                return;
            }
            pods.push_back(std::make_shared<const api::Pod>(std::move(*pod)));
        }));
    return pods;
}

std::vector<api::EventRecord> events_about(kube::Client& client, const std::string& object_namespace,
                                           const std::string& name) {
    std::vector<api::EventRecord> events;
    const auto listed = client.list(kube::collection_path("/api/v1", object_namespace, "events"),
                                    "limit=100&fieldSelector=involvedObject.name%3D" + name, [&](const auto& json) {
                                        if (auto event = api::parse_event(json)) events.push_back(std::move(*event));
                                    });
    if (!listed) telemetry::warn("events can't be read", {{"object", name}, {"error", listed.error().message}});
    return events;
}

std::string object_path(const std::string& api, const api::Meta& meta, const std::string& plural,
                        const std::string& name) {
    return kube::collection_path(api, meta.object_namespace, plural) + "/" + name;
}

std::string job_path(const api::Meta& owner, const std::string& name) {
    return object_path("/apis/batch/v1", owner, "jobs", name);
}

}  // namespace n4b::jobs
