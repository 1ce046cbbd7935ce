#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "backup-runner/storage/storage.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

/// What is wrong with a command line: Invalid (InvalidRunSpec).
tl::unexpected<base::Error> bad_flag(std::string message);

/// What a flag holds must be there and be a name that can stand in the storage.
base::Result<void> check_name(std::string_view flag, const std::string& name);

/// A span of time that is more than nothing, such as 90s or 1h30m.
base::Result<std::chrono::milliseconds> parse_span(std::string_view flag, const std::string& text);

/// HOST[:PORT] with [IPv6] in brackets.
base::Result<contract::Endpoint> parse_endpoint(const std::string& text);

/// UID:GID. In numbers, since names mean something else in the server's container.
base::Result<storage::Owner> parse_owner(const std::string& text);

/// A time as RFC 3339 has it, such as 2026-11-27T09:30:00Z. Invalid: names the flag.
base::Result<base::SystemTime> parse_time(std::string_view flag, const std::string& text);

/// FILES:DIRECTORIES in octal numbers. The owner can always read and write, since the restore does, and the server.
base::Result<storage::Modes> parse_modes(const std::string& text);

}  // namespace n4b::runner
