#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/reason.hpp"
#include "operator/run/run_machine.hpp"
#include "tests/support/fake_api.hpp"

namespace n4b::jobs {

inline const base::SystemTime kNow{std::chrono::seconds(1'790'000'000)};
inline constexpr char kJobs[] = "/apis/batch/v1/namespaces/db/jobs";
inline constexpr char kPods[] = "/api/v1/namespaces/db/pods";
inline constexpr char kOwners[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackups";

std::string owner_path(const std::string& name);

/// The API server's clock, which stands still until a test moves it.
class TestClock final : public base::Clock {
public:
    [[nodiscard]] base::SystemTime system_now() const override { return now; }
    [[nodiscard]] base::SteadyTime steady_now() const override { return {}; }
    base::SystemTime now = kNow;
};

/// A cluster of one namespace, "db": its API server, and what Kubernetes' own controllers, kubelets and people do in
/// it. It watches every Job that is let go, and holds the operator to what must never happen (see violations).
class Cluster {
public:
    Cluster();

    /// Puts an object whose run takes the lock of its source and, when one is given, of a claim. No retries.
    void add_owner(const std::string& name, const std::string& source, const std::string& claim = {});
    [[nodiscard]] nlohmann::json owner(const std::string& name) const { return api.get(owner_path(name)); }
    void change_owner(const std::string& name, const std::function<void(nlohmann::json&)>& how) {
        api.change(owner_path(name), how);
    }
    /// Deletes the object; its Jobs and pods stay until collect_garbage().
    void delete_owner(const std::string& name) { api.objects.erase(owner_path(name)); }
    /// Removes Jobs whose object is gone, and pods whose Job is gone, unless their node is silent.
    void collect_garbage();

    /// "True/Completed", "Unknown/Pending" or so.
    [[nodiscard]] std::string condition(const std::string& name, const std::string& type = "Succeeded") const;
    [[nodiscard]] std::string message(const std::string& name) const;
    [[nodiscard]] nlohmann::json attempts(const std::string& name) const;

    [[nodiscard]] static std::string job_path(const std::string& name, int attempt = 1);
    [[nodiscard]] bool has_job(const std::string& name, int attempt = 1) const {
        return api.has(job_path(name, attempt));
    }
    [[nodiscard]] bool is_let_go(const std::string& name, int attempt = 1) const;
    /// What the Job controller writes when a Job has ended.
    void job_ends(const std::string& name, int attempt, const std::string& type, const std::string& reason = {});

    /// The pod of an attempt's Job, made with its template's labels and annotations.
    void pod_comes(const std::string& name, int attempt = 1);
    void pod_runs(const std::string& name, int attempt = 1);
    /// The runner's container ends with a report; another container may keep the pod alive.
    enum class Pod { kEnds, kIsKeptAliveByAnother };
    void runner_ends(const std::string& name, int attempt, base::Reason reason, Pod pod = Pod::kEnds);
    void pod_ends(const std::string& name, int attempt = 1);
    /// Somebody deletes the pod, and its node doesn't answer.
    void node_is_silent(const std::string& name, int attempt, base::SystemTime since);
    [[nodiscard]] static std::string pod_path(const std::string& name, int attempt = 1);
    [[nodiscard]] bool has_pod(const std::string& name, int attempt = 1) const {
        return api.has(pod_path(name, attempt));
    }

    testing::FakeApi api{};
    TestClock clock{};
    std::map<std::string, run::Hindrance> gates{};  ///< Closed ones, by the name of the object.
    std::string image = "image";                    ///< Of the operator's configuration.
    /// What must never happen and did: a Job let go that its object's status does not record, a second one let go for
    /// the same attempt, or one let go while another Job or pod of the same object is alive.
    std::vector<std::string> violations{};

private:
    void look_at_let_go(const std::string& path);
    void look_at_others(const std::string& path, const std::string& owner_uid);

    std::map<std::string, std::set<std::string>> let_go_{};  ///< Job uids by object and attempt.
};

}  // namespace n4b::jobs
