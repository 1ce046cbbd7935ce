#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/store.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::jobs {

using JobPtr = std::shared_ptr<const api::Job>;
using PodPtr = std::shared_ptr<const api::Pod>;

/// The Jobs and pods that the operator made, as the API server told last. A pod belongs to a Job by the uid in its
/// controlling owner reference, a Job to an object likewise, never by a label or a name. Thread-safe.
struct Workload {
    const kube::Store<api::Job>& jobs;
    const kube::Store<api::Pod>& pods;
    const kube::OwnerIndex<api::Job>& jobs_by_owner;
    const kube::OwnerIndex<api::Pod>& pods_by_owner;

    [[nodiscard]] std::vector<JobPtr> jobs_of(const std::string& owner_uid) const {
        return jobs_by_owner.owned_by(owner_uid);
    }
    [[nodiscard]] std::vector<PodPtr> pods_of(const std::string& job_uid) const {
        return pods_by_owner.owned_by(job_uid);
    }
};

/// The Job and the pod of an attempt. Null: not there.
struct Seen {
    JobPtr job{};
    PodPtr pod{};
};

/// What the stores hold of an attempt.
Seen seen_of(const Workload& workload, const std::string& owner_uid, const run::Attempt& attempt);

/// The same as the API server has it now: a store may be behind, so an absence is looked at before it counts.
base::Result<JobPtr> live_job(kube::Client& client, const api::Meta& owner, const run::Attempt& attempt);
base::Result<std::vector<PodPtr>> live_pods(kube::Client& client, const api::Meta& owner);

/// The pod that the Job made, among pods of any Jobs; null: not there. Our Jobs make only one. The Job controller takes
/// in every pod with the Job's labels, so a later one is somebody else's, and what it says counts for nothing.
PodPtr own_pod_of(const std::vector<PodPtr>& pods, const std::string& job_uid);

/// The events about an object of that name, oldest first; nothing when they can't be read.
std::vector<api::EventRecord> events_about(kube::Client& client, const std::string& object_namespace,
                                           const std::string& name);

/// The path of an object, e.g. "/apis/batch/v1/namespaces/db/jobs/x".
std::string object_path(const std::string& api, const api::Meta& meta, const std::string& plural,
                        const std::string& name);
std::string job_path(const api::Meta& owner, const std::string& name);

}  // namespace n4b::jobs
