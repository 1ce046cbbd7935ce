#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/restore/restore.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/run/preparation.hpp"

namespace n4b::restore {

/// The restore as the run machine sees it.
run::RunOwner owner_of(const Restore& restore);

/// What is restored, as far as the objects tell.
struct Origin {
    std::string storage{};  ///< The name of the Neo4jBackupStorage.
    std::string source{};   ///< By which the storage knows it.
    std::string database{};
    std::string chain{};                        ///< Empty: the newest.
    std::optional<std::int64_t> transaction{};  ///< Of a backup: the last one it stands for.
};

/// `backup`: the one that spec.backupRef names; null: there is none. `source`: the one which that backup names; null:
/// there is none any more.
struct Named {
    const backup::Backup* backup = nullptr;
    const source::Source* source = nullptr;
};
/// Why the backup that the restore names can't be restored; nothing: it can, or none is named.
std::optional<run::Hindrance> closed_backup(const Restore& restore, const Named& named);
/// What the first attempt of a restore of a backup was to restore. Its later attempts are held to that, whatever
/// becomes of the backup's object, so that none goes on with another one's work. Nothing: no attempt has begun, or no
/// backup is named.
std::optional<Origin> pinned_origin(const Restore& restore);
/// What is restored; not while closed_backup().
Origin origin_of(const Restore& restore, const Named& named);

/// The source whose spec.server recovers what is restored, of those that the storage knows by `identity`: the one that
/// the backup names; else the first in the order of their names that says with which server. Null: there is none.
const source::Source* server_source(const Named& named, const std::string& identity,
                                    const std::vector<std::shared_ptr<const source::Source>>& sources);

/// What a restore refers to, as it is now.
struct References {
    Origin origin{};
    const source::Source* server = nullptr;          ///< Whose server recovers what is restored; null: there is none.
    const storage::Storage* storage = nullptr;       ///< Null: there is none.
    std::optional<api::Claim> storage_claim{};       ///< Nothing: there is none, or the storage is a bucket.
    std::optional<api::Claim> target{};              ///< Nothing: there is none.
    std::optional<std::string> user_of_target{};     ///< A living pod that has the target mounted.
    std::optional<std::string> storage_on_target{};  ///< A Neo4jBackupStorage whose backups lie there.
};

/// The locks that are known before anything was looked at.
std::vector<std::string> first_locks(const Restore& restore);

/// Why the restore can't start because of what it refers to; nothing: it can.
std::optional<run::Hindrance> closed_gate(const Restore& restore, const References& refs);

/// The Job of an attempt whose gates are open.
run::Preparation prepare(const Restore& restore, const References& refs, const run::RunnerConfig& config);

/// The status after a step of the run machine, with the kind's own part. Adds events to the step.
struct StepInputs {
    const Restore& restore;
    const run::Preparation* prepared = nullptr;  ///< The attempt's that starts, or null.
    std::string runner_image{};
    base::SystemTime now{};
};
RestoreStatus status_after(const StepInputs& inputs, run::RunStep& step);

}  // namespace n4b::restore
