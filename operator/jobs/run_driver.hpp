#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "operator/jobs/late_events.hpp"
#include "operator/jobs/lock_keeper.hpp"
#include "operator/jobs/workload.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/event_recorder.hpp"
#include "operator/run/preparation.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::jobs {

/// When to look at an object again; nothing: when something changes.
using Requeue = std::optional<std::chrono::milliseconds>;

/// The JSON of an object's status, whole and with nothing but its conditions.
struct StatusTexts {
    std::string whole{};
    std::string conditions{};
};

/// One object whose run is to be driven, and its kind's part.
struct Run {
    run::RunOwner owner{};
    run::RunStatus status{};
    run::Verdict before{};
    std::string path{};                ///< Of the object.
    std::string source{};              ///< "namespace/name" of the source that it is about; empty: none.
    std::vector<std::string> locks{};  ///< Those that are known before anything is asked.
    std::string status_before{};       ///< Its status as JSON, so that an equal one is not written.
    /// Gates and Job of an attempt that is due. Error: the API server can't tell now; it is tried again.
    std::function<base::Result<run::Preparation>(const run::StartAttempt&)> prepare{};
    /// Puts the step into the object's status. May change the verdict's message and add events, and nothing else, since
    /// it is called more than once. The preparation is that of the attempt that starts, or null.
    std::function<StatusTexts(run::RunStep&, const run::Preparation*)> finish{};
    /// Told how the run ended, once that is written; may be empty.
    std::function<void(const run::Verdict&)> ended{};
    /// The run's part of an object's JSON.
    std::function<base::Result<run::RunStatus>(const nlohmann::json&)> read{};
};

/// Drives runs of every kind: looks at the open attempt, asks the run machine what follows, and does it in the order
/// that is safe when it dies in between, or when another operator does the same:
///   1. the Job is made suspended, under a name that follows from run and attempt;
///   2. the status, which names the Job's uid, is written with the resourceVersion that was read;
///   3. a patch that tests that uid lets the Job go.
/// Only a recorded Job ever runs a pod, and whoever loses the status write removes the Job that it made.
/// Thread-safe for different objects.
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
    struct Made;
    base::Result<Gathered> gather(const Run& run);
    base::Result<void> gather_open(const Run& run, const run::Attempt& attempt, Gathered& gathered);
    base::Result<void> gather_next(const Run& run, const run::StartAttempt& wanted, Gathered& gathered);
    run::AttemptState observe(const Run& run, const run::Attempt& attempt, const Seen& seen, base::SystemTime now);
    base::Result<std::optional<std::string>> living_pod(const Run& run);
    run::JobRequest request_of(const Run& run, const Gathered& gathered, const run::StartAttempt& start) const;
    base::Result<Made> make_job(const Run& run, const Gathered& gathered, run::RunStep& step);
    Made end_unmade(const Run& run, run::RunStep& step, base::Reason reason, const std::string& message);
    base::Result<Made> adopt(const Run& run, const run::JobRequest& request, run::RunStep& step);
    base::Result<void> write(const Run& run, run::RunStep& step, const Gathered& gathered, const Made& made);
    void undo(const Run& run, const Made& made);
    base::Result<void> after_write(const Run& run, const run::RunStep& step, const Gathered& gathered);
    base::Result<Requeue> clean_up(const Run& run, const run::RunStatus& status, Requeue requeue);
    base::Result<bool> is_recorded(const Run& run, const std::string& job_uid);
    void relieve(const Run& run, const run::RunStatus& status);
    void tell_held_up(const Run& run, const base::Error& error);
    void record(const Run& run, const run::PlannedEvent& event);

    Parts parts_;
    std::vector<Heard> heard_{};
    LateEvents late_{parts_.client};
};

/// The holder that a run's locks are kept for.
run::Holder holder_of(const run::RunOwner& owner);

}  // namespace n4b::jobs
