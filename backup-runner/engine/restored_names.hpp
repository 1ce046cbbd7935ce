#pragma once

#include <string>

#include "backup-runner/engine/store_file_names.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// The file that stands in a restored store until all of it is there.
inline constexpr char kRestoreMarker[] = "RESTORE-INCOMPLETE";

/// Checks the paths of an artifact's files before anything is written under them. One thread.
class RestoredNames {
public:
    /// Where a file goes, relative to the store. DataLoss (ArtifactDamaged): it would leave the store, is the name of
    /// no store file, or is in the way of another one.
    base::Result<std::string> add(const std::string& path);

    [[nodiscard]] bool has_neostore() const { return has_neostore_; }

private:
    StoreFileNames names_{};
    bool has_neostore_ = false;
};

}  // namespace n4b::engine
