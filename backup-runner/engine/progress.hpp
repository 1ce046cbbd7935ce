#pragma once

#include <atomic>
#include <cstdint>

namespace n4b::engine {

/// What has happened so far, for people who watch; written by many threads. Bytes are plain ones: of a backup those
/// that the source sent, files that are sent again included, and of a restore or a check those of the files.
struct ProgressCounters {
    std::atomic<const char*> phase = "Connecting";
    std::atomic<std::int64_t> files = 0;
    std::atomic<std::int64_t> bytes = 0;
    std::atomic<std::int64_t> total = 0;  ///< What bytes will come to; 0: unknown.
    std::atomic<bool> guessed = false;    ///< Whether the total is that of an earlier backup.
};

}  // namespace n4b::engine
