#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "operator/api/meta.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::base {
class JsonObject;
}

namespace n4b::run {

/// How long a run may wait and take, and how often it is tried.
struct RunPolicy {
    /// From creation to the first attempt, then Skipped; nothing: as long as it takes.
    std::optional<std::chrono::milliseconds> wait = std::chrono::hours(24);
    std::chrono::milliseconds start = std::chrono::minutes(10);
    std::chrono::milliseconds attempt = std::chrono::hours(6);
    std::chrono::milliseconds run = std::chrono::hours(24);
    std::optional<base::SystemTime> not_after{};  ///< Unstarted after that: Skipped.
    std::int64_t retry_limit = 3;                 ///< Attempts after the first one.
    std::chrono::milliseconds retry_backoff = std::chrono::minutes(1);
    bool cancelled = false;  ///< Somebody asked for its end.
    /// What an attempt that ends without a report may have left.
    enum class LostReport {
        kMayHoldArtifact,  ///< A finished artifact, so a look-up searches the storage before the run fails.
        kNothing,          ///< Nothing: it is simply tried again.
    } lost_report = LostReport::kMayHoldArtifact;
    bool operator==(const RunPolicy&) const = default;
};

/// Reads spec.timeouts (wait, start, attempt, run), spec.retry, spec.notAfter and spec.cancel.
RunPolicy read_run_policy(base::JsonObject& spec);

/// An object that starts Jobs, as the run machine sees it.
struct RunOwner {
    api::Meta meta{};
    std::string kind{};  ///< "Neo4jBackup"
    RunPolicy policy{};
    std::string memory_limit{};         ///< Of the runner, for people.
    std::string server_memory_limit{};  ///< Of the server that works after the runner, likewise.
};

}  // namespace n4b::run
