#include "backup-runner/s3/http_date.hpp"

#include <fmt/format.h>

#include "common/base/rfc3339.hpp"

namespace n4b::s3 {

std::optional<base::SystemTime> parse_http_date(std::string_view text) {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    // "Sun, 22 Nov 2026 21:50:49 GMT": every part has its fixed place.
    if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
    const auto month = kMonths.find(text.substr(8, 3));
    if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
    const auto time = base::parse_rfc3339(
        fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month / 3 + 1, text.substr(5, 2), text.substr(17, 8)));
    return time ? std::optional(*time) : std::nullopt;
}

}  // namespace n4b::s3
