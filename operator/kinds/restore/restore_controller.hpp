#pragma once

#include <stop_token>
#include <string>

#include "operator/jobs/run_driver.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/restore/restore.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/kube/store.hpp"

namespace n4b::restore {

/// Looks at what a restore refers to and lets the run driver run it. Thread-safe for different keys; the work queue
/// keeps one worker a key.
class RestoreController {
public:
    struct Stores {
        const kube::Store<Restore>& restores;
        const kube::Store<backup::Backup>& backups;
        const kube::Store<source::Source>& sources;
        const kube::Store<storage::Storage>& storages;
    };
    RestoreController(Stores stores, kinds::Environment environment)
        : stores_(stores), environment_(std::move(environment)) {}

    base::Result<jobs::Requeue> reconcile(const std::string& key, const std::stop_token& stop);

private:
    base::Result<jobs::Requeue> drive(const Restore& restore);
    base::Result<run::Preparation> prepare(const Restore& restore);
    void tell_end(const Restore& restore, const run::Verdict& verdict);

    Stores stores_;
    kinds::Environment environment_;
};

}  // namespace n4b::restore
