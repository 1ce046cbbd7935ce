#pragma once

#include <optional>
#include <string_view>

#include "common/base/clock.hpp"

namespace n4b::http {

/// Reads the `Date` header's preferred form, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). Nothing for any
/// other text: the obsolete forms are not sent by any server of Kubernetes.
std::optional<base::SystemTime> parse_http_date(std::string_view text);

}  // namespace n4b::http
