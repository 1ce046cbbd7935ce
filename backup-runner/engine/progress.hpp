#pragma once

#include <atomic>
#include <cstdint>

namespace n4b::engine {

/// What has happened so far, for people who watch; written by many threads.
struct ProgressCounters {
    std::atomic<const char*> phase = "Connecting";
    std::atomic<std::int64_t> files = 0;
    std::atomic<std::int64_t> bytes = 0;
};

}  // namespace n4b::engine
