#pragma once

#include <chrono>
#include <stop_token>

namespace n4b::base {

/// Waits for as long as the span, or until a stop is requested; false when it was.
bool pause(std::chrono::nanoseconds span, const std::stop_token& stop);

}  // namespace n4b::base
