#pragma once

#include <chrono>
#include <string>

namespace n4b::api {

/// A text of status.display, for the columns of `kubectl get`. No promise of the API. "0s", "32s", "5m12s", "3h20m".
std::string span_for_people(std::chrono::milliseconds span);

}  // namespace n4b::api
