#pragma once

// Heavy: includes nlohmann/json.hpp. Only sources of commands include this header.

#include "backup-runner/app/output.hpp"
#include "common/base/error.hpp"
#include "common/base/json_object.hpp"

namespace n4b::runner {

/// One line.
void print_json(Output& output, const base::Json& json);

/// What every command with --output json prints where it fails: {"reason", "message"} and what is in `more`.
void print_failure(Output& output, const base::Error& error, base::Json more = base::Json::object());

/// The end of a command that has failed before it printed anything, in JSON too where that was asked for; returns the
/// exit code.
int finish_failed(Output& output, const base::Error& error, bool json, base::Json more = base::Json::object());

}  // namespace n4b::runner
