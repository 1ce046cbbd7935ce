#include "operator/api/for_people.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace n4b::api {

std::string bytes_for_people(std::int64_t bytes) {
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    // 1023.95 would be printed as 1024.0.
    for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

std::string span_for_people(std::chrono::milliseconds span) {
    const auto seconds = std::max(std::chrono::round<std::chrono::seconds>(span).count(), std::int64_t{0});
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
    return fmt::format("{}h{}m", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace n4b::api
