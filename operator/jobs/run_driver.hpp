#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "operator/jobs/fenced_jobs.hpp"
#include "operator/jobs/late_events.hpp"
#include "operator/jobs/lock_keeper.hpp"
#include "operator/jobs/run.hpp"
#include "operator/jobs/workload.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/event_recorder.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::jobs {

/// Drives runs of every kind: looks at the open attempt, asks the run machine what follows, and does it in the order
/// that FencedJobs tells. Thread-safe for different objects.
class RunDriver {
public:
    struct Parts {
        kube::Client& client;
        kube::EventRecorder& events;
        const Workload& workload;
        LockKeeper& locks;
        telemetry::Metrics& metrics;
        const base::Clock& clock;  ///< The API server's.
        const run::RunnerConfig& config;
        std::function<std::optional<run::Progress>(const std::string& owner_uid)> progress{};
    };
    explicit RunDriver(Parts parts) : parts_(std::move(parts)) {}

    /// Tells of every attempt that ended with a report and what it saw of its source. Before the first drive().
    using Heard = std::function<void(const std::string& source, const contract::RunReport& report)>;
    void on_report(Heard heard) { heard_.push_back(std::move(heard)); }

    /// Conflict: the object has changed since it was read, so the caller reads it again.
    base::Result<Requeue> drive(const Run& run);

private:
    struct Gathered;
    base::Result<Gathered> gather(const Run& run);
    base::Result<void> gather_open(const Run& run, const run::Attempt& attempt, Gathered& gathered);
    base::Result<void> gather_next(const Run& run, const run::StartAttempt& wanted, Gathered& gathered);
    run::AttemptState observe(const Run& run, const run::Attempt& attempt, const Seen& seen, base::SystemTime now);
    base::Result<std::optional<std::string>> living_pod(const Run& run);
    run::JobRequest request_of(const Run& run, const Gathered& gathered, const run::StartAttempt& start) const;
    base::Result<FencedJobs::Made> make_job(const Run& run, const Gathered& gathered, run::RunStep& step);
    void end_unmade(const Run& run, run::RunStep& step, const FencedJobs::Refusal& refusal);
    base::Result<void> write(const Run& run, run::RunStep& step, const Gathered& gathered,
                             const FencedJobs::Made& made);
    void undo(const Run& run, const FencedJobs::Made& made);
    base::Result<void> after_write(const Run& run, const run::RunStep& step, const Gathered& gathered);
    base::Result<Requeue> clean_up(const Run& run, const run::RunStatus& status, Requeue requeue);
    void remove_pod(const Run& run, const api::Pod& pod, const std::string& why);
    void remove_surplus_pods(const Run& run, const run::RunStatus& status);
    void relieve(const Run& run, const run::RunStatus& status);
    void tell_held_up(const Run& run, const base::Error& error);
    void record(const Run& run, const run::PlannedEvent& event);

    Parts parts_;
    FencedJobs jobs_{parts_.client};
    std::vector<Heard> heard_{};
    LateEvents late_{parts_.client};
};

}  // namespace n4b::jobs
