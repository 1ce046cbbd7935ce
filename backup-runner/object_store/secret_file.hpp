#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::object_store {

/// Whether it can stand in a header as it is.
bool can_stand_in_header(std::string_view text);

/// `text` with "***" wherever it repeats the secret.
std::string without(std::string text, const std::string& secret);

/// What an open file holds, at most 16 KiB, without the white space at its end; `what` names it in messages, which tell
/// nothing of it. Invalid (StorageCredentialsInvalid): it can't be read, is longer, or can't stand in a header.
base::Result<std::string> read_secret(int file, std::string_view what);

/// The same of a file at a path, which must not be empty.
base::Result<std::string> read_secret_file(std::string_view what, const std::string& path);

}  // namespace n4b::object_store
