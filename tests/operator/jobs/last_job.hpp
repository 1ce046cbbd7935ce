#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/contract/run_spec.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/support/fake_api.hpp"

namespace n4b::jobs {

/// The newest Job of an API server, as those see it whose runs are Jobs one after the other.
class LastJob {
public:
    explicit LastJob(testing::FakeApi& api) : api_(api) {}

    /// Null: there is none.
    [[nodiscard]] nlohmann::json json() const {
        const auto jobs = api_.paths_in(kJobs);
        return jobs.empty() ? nlohmann::json() : api_.get(jobs.back());
    }
    /// What its runner is told.
    [[nodiscard]] contract::RunSpec told() const {
        const auto job = json();
        const auto env = job.at("spec").at("template").at("spec").at("containers")[0].at("env")[0];
        return contract::parse_run_spec(env.at("value").get<std::string>()).value();
    }
    /// The state of its pod.
    void pod_is(const char* phase, const nlohmann::json& runner_state) {
        using nlohmann::json;
        const auto job = this->json();
        const auto& meta = job.at("metadata");
        api_.put(
            std::string(kPods) + "/" + meta.at("name").get<std::string>() + "-x",
            {{"metadata",
              {{"namespace", "db"},
               {"labels", meta.at("labels")},
               {"ownerReferences", json::array({{{"kind", "Job"}, {"uid", meta.at("uid")}, {"controller", true}}})}}},
             {"status",
              {{"phase", phase},
               {"podIP", "10.0.0.9"},
               {"containerStatuses", json::array({{{"name", "runner"}, {"state", runner_state}}})}}}});
    }
    /// How many Jobs were made.
    [[nodiscard]] std::size_t made() const { return api_.sent("POST", kJobs).size(); }

private:
    testing::FakeApi& api_;
};

}  // namespace n4b::jobs
