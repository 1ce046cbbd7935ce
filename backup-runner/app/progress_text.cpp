#include "backup-runner/app/progress_text.hpp"

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "common/base/quantity.hpp"

namespace n4b::runner {

ProgressView view_of(const engine::ProgressCounters& counters, std::int64_t rate) {
    ProgressView view{.phase = counters.phase.load(),
                      .files = counters.files.load(),
                      .bytes = counters.bytes.load(),
                      .rate = rate,
                      .guessed = counters.guessed.load()};
    const auto total = counters.total.load();
    if (total > 0 && total >= view.bytes) view.total = total;
    return view;
}

std::optional<std::chrono::seconds> remaining(const ProgressView& view) {
    if (!view.total || view.rate <= 0) return std::nullopt;
    return std::chrono::seconds((*view.total - view.bytes + view.rate - 1) / view.rate);
}

std::string to_text(const ProgressView& view) {
    auto text = fmt::format("{}: {} files, {}", view.phase, view.files, size_text(view.bytes));
    if (view.total) {
        const auto percent = static_cast<double>(view.bytes) / static_cast<double>(*view.total) * 100;
        text += fmt::format(" of {}{} ({:.0f} %)", view.guessed ? "about " : "", size_text(*view.total), percent);
    }
    text += fmt::format(", {}/s", size_text(view.rate));
    if (const auto left = remaining(view)) text += fmt::format(", about {} left", base::format_duration(*left));
    return text;
}

std::string size_text(std::int64_t bytes) {
    constexpr std::int64_t kKiB = 1024;
    return bytes < kKiB ? fmt::format("{} bytes", bytes) : base::bytes_for_people(bytes);
}

}  // namespace n4b::runner
