#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::archive {

/// "20261122T215049Z-3f9c21": start time and six random hexadecimal digits.
std::string chain_name(base::SystemTime start, std::uint32_t random);
bool is_chain_name(std::string_view name);

/// The relative path that a store file has, by the name that a server gave it: '\' counts as '/'. Invalid
/// (SourceProtocolError): empty, absolute, with an empty component, "." or "..", control characters or NUL, not UTF-8,
/// more than 16 components, or one above 255 bytes.
base::Result<std::string> file_path(std::string_view name);

/// A name from outside as it may stand in a message or a log: in quotes, printable, at most 80 characters of it.
std::string quoted_name(std::string_view name);

}  // namespace n4b::archive
