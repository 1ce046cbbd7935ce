#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::contract {

/// What /progress answers while a runner works.
struct Progress {
    std::string run_uid;
    std::int64_t attempt = 0;
    std::string phase;  ///< "Connecting", "Preparing", "Copying", "Pulling", "Finishing".
    std::int64_t files = 0;
    std::int64_t bytes = 0;
    std::int64_t rate = 0;  ///< Bytes per second, since the last time somebody asked.
    /// What all of it may come to, going by the last backup of the same database; absent: there is none, or more than
    /// that has come already.
    std::optional<std::int64_t> total_bytes{};
    std::optional<std::chrono::seconds> remaining{};  ///< Until then at this rate.
    bool operator==(const Progress&) const = default;
};

std::string to_json(const Progress& progress);
base::Result<Progress> parse_progress(std::string_view json);

}  // namespace n4b::contract
