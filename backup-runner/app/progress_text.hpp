#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "backup-runner/engine/progress.hpp"

namespace n4b::runner {

/// How far a command is, at one moment.
struct ProgressView {
    std::string phase{};
    std::int64_t files = 0;
    std::int64_t bytes = 0;
    std::int64_t rate = 0;  ///< Bytes per second.
    std::optional<std::int64_t> total{};
    bool guessed = false;  ///< The total.
};

/// Of what the counters hold now. A guessed total that has been surpassed is none.
ProgressView view_of(const engine::ProgressCounters& counters, std::int64_t rate);

/// How long it takes to the total at this rate; nothing where that can't be told. Pure.
std::optional<std::chrono::seconds> remaining(const ProgressView& view);

/// "Copying: 12 files, 1.2 GiB of about 4.5 GiB (27 %), 100.0 MiB/s, about 33s left". Pure.
std::string to_text(const ProgressView& view);

/// "5 bytes", "1.5 KiB", "12.0 GiB". Pure.
std::string size_text(std::int64_t bytes);

}  // namespace n4b::runner
