#pragma once

#include <string>

#include "operator/kinds/backup/backup.hpp"

namespace n4b::backup {

/// status.display: the columns of `kubectl get`, for people. Empty texts are not shown. No promise of the API.
struct Display {
    std::string kind{};    ///< "Full", "Incremental" or "UpToDate"
    std::string size{};    ///< "1.1 GiB"
    std::string stored{};  ///< As it lies in the storage.
    std::string took{};    ///< "32s"
    std::string from{};    ///< "replica-0"
};
Display display_of(const BackupStatus& status);

}  // namespace n4b::backup
