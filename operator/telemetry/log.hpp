#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace n4b::telemetry {

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

/// JSON lines on standard error: {"time","level","message", fields...}. Thread-safe. Never pass a secret.
void debug(std::string_view message, Fields fields = {});  ///< Flow.
void info(std::string_view message, Fields fields = {});   ///< What a person cares for.
void warn(std::string_view message, Fields fields = {});   ///< We try again.
void error(std::string_view message, Fields fields = {});  ///< Somebody must act.

/// "debug", "info", "warn" or "error"; false for another word.
bool set_log_level(std::string_view level);

}  // namespace n4b::telemetry
