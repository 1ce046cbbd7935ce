#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/run/locks.hpp"
#include "operator/run/preparation.hpp"

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

/// The holder that a run's locks are kept for.
run::Holder holder_of(const run::RunOwner& owner);

}  // namespace n4b::jobs
