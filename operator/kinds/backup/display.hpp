#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "operator/kinds/backup/backup.hpp"

namespace n4b::backup {

/// status.display: the columns of `kubectl get`, for people. Empty texts are not shown. No promise of the API.
struct Display {
    std::string size{};    ///< "1.1 GiB"
    std::string stored{};  ///< As it lies in the storage.
    std::string took{};    ///< "32s"
    std::string from{};    ///< "replica-0"
};
Display display_of(const BackupStatus& status);

/// "0 B", "1.0 KiB", "1.1 GiB": three digits at most before the unit.
std::string bytes_for_people(std::int64_t bytes);
/// "0s", "32s", "5m12s", "3h20m".
std::string span_for_people(std::chrono::milliseconds span);

}  // namespace n4b::backup
