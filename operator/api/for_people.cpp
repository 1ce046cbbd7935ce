#include "operator/api/for_people.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace n4b::api {

std::string span_for_people(std::chrono::milliseconds span) {
    const auto seconds = std::max(std::chrono::round<std::chrono::seconds>(span).count(), std::int64_t{0});
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
    return fmt::format("{}h{}m", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace n4b::api
