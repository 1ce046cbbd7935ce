#pragma once

#include <optional>

#include "operator/jobs/lock_keeper.hpp"
#include "operator/jobs/run_driver.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/event_recorder.hpp"
#include "operator/kube/store.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/support/fake_api.hpp"

namespace n4b::jobs {

/// A store that tells nobody of changes.
template <typename T>
kube::Store<T> quiet_store() {
    return kube::Store<T>([](auto&&...) {});
}

/// What the operator lends to a kind, over an API server in memory and a clock that both outlive this.
struct Lent {
    Lent(testing::FakeApi& server, const TestClock& its_clock) : api(server), clock(its_clock) {}

    /// Takes over the Jobs and pods that the API server has.
    void take_over_workload() {
        for (const auto& path : api.paths_in(kJobs)) {
            auto job = *api::parse_job(api.get(path));
            job_store.apply(job.meta.key(), job);
        }
        for (const auto& path : api.paths_in(kPods)) {
            auto pod = *api::parse_pod(api.get(path));
            pod_store.apply(pod.meta.key(), pod);
        }
    }
    [[nodiscard]] kinds::Environment environment() {
        return {.client = client,
                .events = events,
                .driver = driver,
                .locks = locks,
                .collector = collector,
                .catalogue = catalogue,
                .metrics = metrics,
                .clock = clock,
                .config = config};
    }

    testing::FakeApi& api;
    const TestClock& clock;
    kube::Client client{api, {}};
    kube::Store<api::Job> job_store = quiet_store<api::Job>();
    kube::Store<api::Pod> pod_store = quiet_store<api::Pod>();
    kube::OwnerIndex<api::Job> jobs_by_owner{job_store};
    kube::OwnerIndex<api::Pod> pods_by_owner{pod_store};
    Workload workload{
        .jobs = job_store, .pods = pod_store, .jobs_by_owner = jobs_by_owner, .pods_by_owner = pods_by_owner};
    testing::FakeApi events_api{};
    kube::Client events_client{events_api, {}};
    kube::EventRecorder events{events_client, clock, "test"};
    telemetry::Metrics metrics{};
    run::RunnerConfig config{.image = "image"};
    /// What the runners of looks serve, by its path.
    std::map<std::string, std::string> served{};
    CatalogueCollector collector{
        {.workload = workload,
         .kind = "Neo4jBackupStorage",
         .fetch = [this](const std::string&, const std::string& path, const auto&) -> base::Result<std::string> {
             const auto found = served.find(path);
             if (found != served.end()) return found->second;
             return base::fail(base::ErrorCode::kUnavailable, "connection refused");
         }}};
    kinds::Catalogue catalogue{};
    LockKeeper locks{10, workload, clock, [](auto&&...) {}};
    RunDriver driver{{.client = client,
                      .events = events,
                      .workload = workload,
                      .locks = locks,
                      .metrics = metrics,
                      .clock = clock,
                      .config = config,
                      .progress = [](auto&&...) { return std::nullopt; }}};
};

}  // namespace n4b::jobs
