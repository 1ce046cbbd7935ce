#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "backup-runner/app/store_opening.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/restore_target.hpp"
#include "backup-runner/retention/retention_plan.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

/// What the command line asks for, one struct a subcommand. Deadlines are those of --deadline, counted from the reading
/// of the command line.
enum class BackupOutput {
    kReport,  ///< The RunReport of a success, as of every run that a RunSpec asked for.
    kText,
    kJson,  ///< The RunReport, however the run ended.
};
struct BackupOptions {
    contract::RunSpec spec;
    BackupOutput output = BackupOutput::kReport;
    bool dry_run = false;
};
struct LookUpOptions {
    contract::RunSpec spec;
};
enum class ProbeOutput {
    kReport,  ///< The RunReport, as the operator reads it.
    kTable,
    kJson,  ///< A line for each member.
};
struct ProbeOptions {
    contract::RunSpec spec;
    ProbeOutput output = ProbeOutput::kReport;
};
struct CheckStorageOptions {
    StoreChoice store;
    std::chrono::milliseconds timeout = std::chrono::minutes(1);  ///< From the start of the process.
    bool json = false;
};
/// The same for the operator: it ends with a RunReport.
struct CheckStorageRunOptions {
    contract::RunSpec spec;
};
struct InitOptions {
    StoreChoice store;
    bool adopt = false;  ///< Of a place that holds backups already, copied from elsewhere.
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
/// Gives a source's name up.
struct ReleaseOptions {
    StoreChoice store;
    std::string source;
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
struct ListOptions {
    StoreChoice store;
    engine::Scope scope{};
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
struct VerifyOptions {
    StoreChoice store;
    engine::Scope scope{};
    contract::VerifyLevel level = contract::VerifyLevel::kChecksum;
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
/// Removes chains that the rules don't keep.
struct PruneOptions {
    StoreChoice store;
    std::string source;
    std::string database;
    retention::KeepRules rules{};
    calendar::TimeZone zone;
    bool dry_run = false;
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
/// Plans or carries out the retention of a schedule.
struct PruneRunOptions {
    contract::RunSpec spec;
};
/// Places a hold on a chain, or takes one away.
struct HoldOptions {
    StoreChoice store;
    std::string source;
    std::string database;
    std::string chain;
    std::string name;
    std::optional<base::SystemTime> until{};  ///< Nothing: until somebody takes it away.
    bool release = false;
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
/// What a restore brings back.
struct RestoreWish {
    std::string source;
    std::string database;
    std::string chain;  ///< Empty: the one that reaches the highest transaction.
    std::optional<std::int64_t> until_transaction{};
    std::optional<base::SystemTime> until{};  ///< At most one of both.
    std::string asked_by{};                   ///< The flag or field that names that point, for messages.
};
struct RestoreOptions {
    StoreChoice store;
    RestoreWish wish;
    engine::RestoreTarget target;
    bool dry_run = false;
    bool json = false;
    base::Deadline deadline = base::Deadline::never();
};
/// The same for the operator: it ends with a RunReport.
struct RestoreRunOptions {
    contract::RunSpec spec;
};
/// The command line was answered already (--help, --version) or is wrong: only the exit code is left.
struct Exit {
    int code;
};

using Options = std::variant<BackupOptions, LookUpOptions, ProbeOptions, CheckStorageOptions, CheckStorageRunOptions,
                             InitOptions, ReleaseOptions, ListOptions, VerifyOptions, PruneOptions, PruneRunOptions,
                             HoldOptions, RestoreOptions, RestoreRunOptions, Exit>;

/// Reads flags, or a RunSpec from --spec FILE, or from the environment variable N4B_RUN_SPEC when there are no flags
/// at all. Prints help and errors itself, and sets how the process speaks on standard error (base::set_notices): as
/// loud as the flags say, and in JSON where the RunSpec came from the environment, which is that of a pod.
base::Result<Options> parse_options(int argc, char** argv);

}  // namespace n4b::runner
