#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "backup-runner/app/store_opening.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

/// What the command line asks for, one struct a subcommand.
struct BackupOptions {
    contract::RunSpec spec;
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
    std::chrono::seconds timeout{60};  ///< From the start of the process.
    bool json = false;
};
/// The same for the operator: it ends with a RunReport.
struct CheckStorageRunOptions {
    contract::RunSpec spec;
};
struct InitOptions {
    StoreChoice store;
    bool adopt = false;  ///< Of a place that holds backups already, copied from elsewhere.
};
/// Gives a source's name up.
struct ReleaseOptions {
    StoreChoice store;
    std::string source;
};
struct ListOptions {
    StoreChoice store;
    bool json = false;
};
struct VerifyOptions {
    StoreChoice store;
    std::string source;  ///< Empty: all.
    std::string chain;   ///< Empty: all.
};
struct RestoreOptions {
    StoreChoice store;
    std::string source;
    std::string database;
    std::string chain;  ///< Empty: the one that reaches the highest transaction.
    std::string target;
    std::string log_target{};  ///< Of the transaction log; empty: the target.
    std::optional<storage::Owner> owner{};
};
/// The command line was answered already (--help, --version) or is wrong: only the exit code is left.
struct Exit {
    int code;
};

using Options = std::variant<BackupOptions, LookUpOptions, ProbeOptions, CheckStorageOptions, CheckStorageRunOptions,
                             InitOptions, ReleaseOptions, ListOptions, VerifyOptions, RestoreOptions, Exit>;

/// Reads flags, or a RunSpec from --spec FILE, or from the environment variable N4B_RUN_SPEC when there are no flags
/// at all. Prints help and errors itself.
base::Result<Options> parse_options(int argc, char** argv);

}  // namespace n4b::runner
