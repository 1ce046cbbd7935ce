#pragma once

#include <cstdint>
#include <string>

#include "backup-runner/engine/store_file_names.hpp"
#include "backup-runner/format/head.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// The file that stands in a restored store until all of it is there.
inline constexpr char kRestoreMarker[] = "RESTORE-INCOMPLETE";
/// The file that stays in a store which a run has restored: the run's report.
inline constexpr char kRestoreRecord[] = "RESTORED.json";
/// The transaction log that a restore writes.
inline constexpr char kLogPath[] = "neostore.transaction.db.0";
/// Large files that a restore writes around the page cache at once, which takes 1 MiB of memory for each.
inline constexpr std::size_t kMostLargeFiles = 6;
/// Deeper than any path of a store file.
inline constexpr int kMaxRestoredDepth = 24;

/// What a restore writes, checked before it is written, and at the end against what the head promises. One thread.
class RestoredContent {
public:
    /// Where a file goes, relative to the store. DataLoss (ArtifactDamaged): it would leave the store, is the name of
    /// no store file, or is in the way of another one.
    base::Result<std::string> add_file(const std::string& path, std::int64_t bytes);
    /// DataLoss (ArtifactDamaged): there is one already.
    base::Result<void> add_log(std::int64_t bytes);
    [[nodiscard]] bool has_log() const { return logs_ > 0; }

    /// DataLoss (ArtifactDamaged): the head promises something else, or a full has no neostore, or an increment has
    /// files.
    [[nodiscard]] base::Result<void> compare(const format::Head& head) const;

private:
    StoreFileNames names_{};
    bool has_neostore_ = false;
    std::int64_t files_ = 0;
    std::int64_t logs_ = 0;
    std::int64_t bytes_ = 0;
};

}  // namespace n4b::engine
