#include "common/base/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace n4b::base {
namespace {

constexpr double kMost = 4611686018427387904.0;  // 2^62
constexpr std::array<std::pair<std::string_view, double>, 10> kSuffixes{{{"", 1},
                                                                         {"m", 1e-3},
                                                                         {"k", 1e3},
                                                                         {"M", 1e6},
                                                                         {"G", 1e9},
                                                                         {"T", 1e12},
                                                                         {"Ki", 1024.0},
                                                                         {"Mi", 1048576.0},
                                                                         {"Gi", 1073741824.0},
                                                                         {"Ti", 1099511627776.0}}};

}  // namespace

Result<std::int64_t> parse_quantity(std::string_view text) {
    double number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    const auto suffix = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (parsed.ec == std::errc{} && std::isfinite(number) && number >= 0) {
        for (const auto& [name, factor] : kSuffixes) {
            if (suffix == name && number * factor <= kMost) return static_cast<std::int64_t>(number * factor);
        }
    }
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not a quantity such as 100Mi", text.substr(0, 32)));
}

std::string bytes_for_people(std::int64_t bytes) {
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    // 1023.95 would be printed as 1024.0.
    for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

}  // namespace n4b::base
