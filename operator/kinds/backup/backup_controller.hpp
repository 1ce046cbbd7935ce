#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "operator/jobs/run_driver.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/backup/backup_plan.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/kube/store.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::backup {

/// Looks at what a backup refers to and lets the run driver run it. Thread-safe for different keys; the work queue
/// keeps one worker a key.
class BackupController {
public:
    struct Parts {
        const kube::Store<Backup>& backups;
        const kube::Store<source::Source>& sources;
        const kube::Store<storage::Storage>& storages;
        kube::Client& client;
        jobs::RunDriver& driver;
        jobs::LockKeeper& locks;
        telemetry::Metrics& metrics;
        const base::Clock& clock;  ///< The API server's.
        const run::RunnerConfig& config;
    };
    explicit BackupController(Parts parts) : parts_(std::move(parts)) {}

    base::Result<jobs::Requeue> reconcile(const std::string& key, const std::stop_token& stop);

private:
    base::Result<jobs::Requeue> drive(const Backup& backup);
    base::Result<run::Preparation> prepare(const Backup& backup, const run::StartAttempt& start);
    void tell_end(const Backup& backup, const run::Verdict& verdict);

    Parts parts_;
};

}  // namespace n4b::backup
