#pragma once

// Heavy: includes nlohmann/json.hpp. Only sources of commands include this header.

#include "backup-runner/app/output.hpp"
#include "common/base/error.hpp"
#include "common/base/json_object.hpp"
#include "common/base/result.hpp"

namespace n4b::runner {

/// One line.
void print_json(Output& output, const base::Json& json);

/// What every command with --output json prints where it fails: {"reason", "message"} and what is in `more`.
void print_failure(Output& output, const base::Error& error, base::Json more = base::Json::object());

/// finish() of a command that may have been asked for JSON: when it failed before it printed anything, it prints
/// print_failure(). One that has printed lines told in them what failed. Returns the exit code.
int finish(const base::Result<int>& result, Output& output, bool json, base::Json more = base::Json::object());

}  // namespace n4b::runner
