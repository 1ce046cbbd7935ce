#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace n4b::api {

/// Texts of status.display, for the columns of `kubectl get`. No promise of the API.
/// "0 B", "1.0 KiB", "1.1 GiB": three digits at most before the unit.
std::string bytes_for_people(std::int64_t bytes);
/// "0s", "32s", "5m12s", "3h20m".
std::string span_for_people(std::chrono::milliseconds span);

}  // namespace n4b::api
