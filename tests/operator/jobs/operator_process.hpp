#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/jobs/lock_keeper.hpp"
#include "operator/jobs/run_driver.hpp"
#include "tests/operator/jobs/cluster.hpp"

namespace n4b::jobs {

/// One life of an operator: what it has seen of the cluster, its locks and its driver. It drives objects of a small
/// kind whose status is the run machine's part and the conditions.
class OperatorProcess {
public:
    explicit OperatorProcess(Cluster& cluster, std::size_t limit = 10, http::Transport* transport = nullptr);

    /// Takes over what the API server has, as a watch does.
    void watch();
    /// As at the start: watches, and holds what living pods hold.
    void recover();
    /// Watches, and drives the object as it is now. It must be there.
    base::Result<Requeue> drive(const std::string& name);
    /// Drives the object as it was, without watching.
    base::Result<Requeue> drive_as(const nlohmann::json& object);
    /// Drives until nothing is to be done at once. Errors end the test.
    Requeue settle(const std::string& name);

    /// The keys of objects that a lock that became free, or is wanted, asked to be looked at.
    std::vector<std::string> woken{};
    std::optional<run::Progress> progress{};
    /// What the driver told the kind to put into the object's status.
    std::vector<run::RunStep> steps{};

private:
    base::Result<run::Preparation> prepare(const nlohmann::json& object, const run::StartAttempt& start) const;

    Cluster& cluster_;
    kube::Client client_;
    kube::Store<api::Job> job_store_;
    kube::Store<api::Pod> pod_store_;
    kube::OwnerIndex<api::Job> jobs_by_owner_{job_store_};
    kube::OwnerIndex<api::Pod> pods_by_owner_{pod_store_};
    Workload workload_{
        .jobs = job_store_, .pods = pod_store_, .jobs_by_owner = jobs_by_owner_, .pods_by_owner = pods_by_owner_};
    testing::FakeApi events_api_{};  ///< Of its own, since another thread writes events.
    kube::Client events_client_{events_api_, {}};
    telemetry::Metrics metrics_{};
    run::RunnerConfig config_{};

public:
    kube::EventRecorder events;
    LockKeeper locks;
    RunDriver driver;
    [[nodiscard]] std::string metrics() const { return metrics_.text(); }
};

}  // namespace n4b::jobs
