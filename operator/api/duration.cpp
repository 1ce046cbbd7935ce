#include "operator/api/duration.hpp"

#include <charconv>
#include <cmath>

#include "common/base/json_object.hpp"

namespace n4b::api {
namespace {

constexpr double kMaxDurationMs = 8760.0 * 3600 * 1000;

}  // namespace

base::Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto invalid = [&] {
        return base::fail(base::ErrorCode::kInvalid,
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

void read_duration(base::JsonObject& object, const char* key, std::chrono::milliseconds& out) {
    const auto text = object.optional<std::string>(key);
    if (!text) return;
    if (const auto duration = parse_duration(*text)) {
        out = *duration;
    } else {
        object.reject(key, duration.error().message);
    }
}

}  // namespace n4b::api
