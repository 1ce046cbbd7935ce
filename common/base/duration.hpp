#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::base {

/// Go-style durations: "90s", "1h30m", "1.5h". Pure. Invalid: anything else, or above 8760 h.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The same for people, to the second, in at most two units: "45s", "12m 30s", "3h 5m".
std::string format_duration(std::chrono::seconds duration);

}  // namespace n4b::base
