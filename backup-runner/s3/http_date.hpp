#pragma once

#include <optional>
#include <string_view>

#include "common/base/clock.hpp"

namespace n4b::s3 {

/// "Sun, 22 Nov 2026 21:50:49 GMT", as Date and Last-Modified have it (RFC 9110, IMF-fixdate). Nothing: another form.
std::optional<base::SystemTime> parse_http_date(std::string_view text);

}  // namespace n4b::s3
