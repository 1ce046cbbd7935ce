#include "common/base/duration.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

namespace n4b::base {
namespace {

constexpr double kMaxDurationMs = 8760.0 * 3600 * 1000;

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto invalid = [&] {
        return fail(ErrorCode::kInvalid,
                    fmt::format("\"{}\" is not a duration such as 90s, 10m or 1h30m", text.substr(0, 32)));
    };
    if (text.empty()) return invalid();
    double total = 0;
    for (std::string_view rest = text; !rest.empty();) {
        double number = 0;
        const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
        if (parsed.ec != std::errc{} || !std::isfinite(number) || number < 0) return invalid();
        rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
        double unit = 0;
        for (const auto& [name, ms] :
             {std::pair<std::string_view, double>{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}}) {
            if (!rest.starts_with(name)) continue;
            unit = ms;
            rest.remove_prefix(name.size());
            break;
        }
        if (unit == 0) return invalid();
        total += number * unit;
    }
    if (total > kMaxDurationMs) return invalid();
    return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

std::string format_duration(std::chrono::seconds duration) {
    const auto seconds = duration.count();
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
    return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace n4b::base
