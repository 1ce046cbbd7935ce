#pragma once

#include <stop_token>
#include <thread>

#include "backup-runner/engine/progress.hpp"

namespace n4b::runner {

/// Shows how far a command is for as long as it lives: on a terminal by a line that rewrites itself, else by a line in
/// the log every half a minute and soon after a new phase, and nothing where only errors are asked for. Borrows the
/// counters; a thread of its own.
class ProgressDisplay {
public:
    explicit ProgressDisplay(const engine::ProgressCounters& counters);
    ~ProgressDisplay();
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;

private:
    void rewrite(const std::stop_token& stop);
    void log(const std::stop_token& stop);

    const engine::ProgressCounters& counters_;
    std::jthread thread_{};
};

}  // namespace n4b::runner
