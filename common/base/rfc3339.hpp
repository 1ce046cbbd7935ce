#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::base {

/// "2026-11-22T21:50:49Z": whole seconds, as Kubernetes writes metav1.Time.
std::string format_rfc3339(SystemTime time);

/// "2026-11-22T21:50:49.123000Z": as Kubernetes writes metav1.MicroTime.
std::string format_rfc3339_micro(SystemTime time);

/// Reads RFC 3339 date-times with optional fraction and offset, down to milliseconds. Invalid: anything else.
Result<SystemTime> parse_rfc3339(std::string_view text);

}  // namespace n4b::base
