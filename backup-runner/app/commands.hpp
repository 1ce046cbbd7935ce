#pragma once

#include <stop_token>

#include "backup-runner/app/options.hpp"
#include "common/base/clock.hpp"

namespace n4b::runner {

/// Runs one subcommand to its end; returns the exit code. Results go to standard output, errors and progress to
/// standard error, and the report of a backup, probe, look-up, a storage's check, a run's restore or a schedule's prune
/// to the termination message where there is one. `started`: when the process began, from which the duration that a
/// RunSpec gives is counted.
int run(const BackupOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const ProbeOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const CheckStorageOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const CheckStorageRunOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const LookUpOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const RestoreRunOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const PruneRunOptions& options, base::SteadyTime started, std::stop_token stop);
int run(const InitOptions& options);
int run(const ReleaseOptions& options);
int run(const ListOptions& options);
int run(const VerifyOptions& options);
int run(const PruneOptions& options);
int run(const HoldOptions& options);
int run(const RestoreOptions& options);

/// Prints an error and returns its exit code; in a pod the error becomes the report.
int report_failure(const base::Error& error);

}  // namespace n4b::runner
