#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "operator/controllers/run_slots.hpp"
#include "operator/controllers/world.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/event_recorder.hpp"
#include "operator/plan/backup_plan.hpp"
#include "operator/plan/job_builder.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::controllers {

/// Gathers what is known about a backup, asks plan_backup what to do, and does it: Job, then status, then events.
/// Thread-safe for different keys; the work queue keeps one worker a key.
class BackupController {
public:
    struct Parts {
        World& world;
        kube::Client& client;
        kube::EventRecorder& events;
        RunSlots& slots;
        telemetry::Metrics& metrics;
        const base::Clock& clock;
        plan::RunnerConfig runner{};
        std::function<std::optional<api::RunProgress>(const std::string& key)>
            progress{};                                      ///< Told last by its runner.
        std::function<void(const std::string& key)> wake{};  ///< Asks for another look at a key.
    };
    explicit BackupController(Parts parts) : parts_(std::move(parts)) {}

    /// Holds the slots of runs that are under way or have a Job at work, and reads the metrics off finished ones.
    /// Before the first reconcile.
    void recover();

    base::Result<std::optional<std::chrono::milliseconds>> reconcile(const std::string& key,
                                                                     const std::stop_token& stop);

private:
    using Requeue = std::optional<std::chrono::milliseconds>;
    struct Gathered;
    struct Witnesses;

    base::Result<Requeue> reconcile_object(const api::Backup& backup);
    base::Result<Gathered> gather(const api::Backup& backup);
    [[nodiscard]] std::optional<plan::StartAttempt> unrecorded_job(const api::Backup& backup) const;
    base::Result<void> gather_attempt(const api::Backup& backup, const api::Attempt& attempt, Gathered& gathered);
    /// The attempt's pod as the API server has it now; null: there is none.
    base::Result<std::shared_ptr<const api::Pod>> live_pod(const api::Backup& backup, const api::Attempt& attempt);
    plan::AttemptState observe(const api::Backup& backup, const api::Attempt& attempt, const Witnesses& seen,
                               base::SystemTime now);
    base::Result<void> gather_gate(const api::Backup& backup, const plan::StartAttempt& wanted, Gathered& gathered);
    base::Result<std::vector<contract::Endpoint>> endpoints_of(const api::Backup& backup);
    std::vector<api::EventRecord> events_about(const std::string& object_namespace, const std::string& name);
    base::Result<void> start_job(const api::Backup& backup, const Gathered& gathered, plan::BackupPlan& plan);
    base::Result<void> apply(const api::Backup& backup, const Gathered& gathered, plan::BackupPlan& plan);
    base::Result<void> clean_up(const api::Backup& backup, plan::JobCleanup cleanup);
    void release(const std::string& key);
    /// Gives back the slot of a backup that has no Job although it asked for one.
    void release_unstarted(const api::Backup& backup);
    /// What becomes of a backup between its slot and its Job; returns the error, so that it is tried again.
    tl::unexpected<base::Error> not_started(const api::Backup& backup, const base::Error& error, base::SystemTime now);
    /// Writes why nothing starts, once; an attempt is not recorded. Whether that succeeds changes nothing.
    void tell_hold_up(const api::Backup& backup, const base::Error& error, base::SystemTime now);
    /// Shows what a succeeded backup tells, unless one of its group that ended later has been seen.
    void tell_metrics(const api::Backup& backup);

    Parts parts_;
    std::mutex told_mutex_{};
    std::map<std::string, base::SystemTime>
        told_{};  ///< By group and by source: the end of the one whose metrics are shown.
};

}  // namespace n4b::controllers
