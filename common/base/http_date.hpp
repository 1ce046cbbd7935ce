#pragma once

#include <optional>
#include <string_view>

#include "common/base/clock.hpp"

namespace n4b::base {

/// Reads the preferred form of `Date` and `Last-Modified`, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
/// Nothing for any other text: neither Kubernetes nor S3 servers send the obsolete forms.
std::optional<SystemTime> parse_http_date(std::string_view text);

}  // namespace n4b::base
