#include "backup-runner/app/progress_display.hpp"

#include <unistd.h>

#include "backup-runner/app/progress_text.hpp"
#include "backup-runner/app/rate_meter.hpp"
#include "common/base/notice.hpp"
#include "common/base/pause.hpp"

namespace n4b::runner {
namespace {

constexpr std::chrono::milliseconds kRewriteInterval{500};
/// A backup of a day is some 3,000 lines.
constexpr std::chrono::seconds kLogInterval{30};
/// A new phase is told this soon.
constexpr std::chrono::seconds kPhaseInterval{5};

base::SteadyTime now() {
    return std::chrono::steady_clock::now();
}

void say(const ProgressView& view) {
    const auto text = to_text(view);
    if (!view.total) {
        base::info(text, {{"phase", view.phase}, {"files", view.files}, {"bytes", view.bytes}, {"rate", view.rate}});
        return;
    }
    base::info(text, {{"phase", view.phase},
                      {"files", view.files},
                      {"bytes", view.bytes},
                      {"rate", view.rate},
                      {"totalBytes", *view.total}});
}

}  // namespace

ProgressDisplay::ProgressDisplay(const engine::ProgressCounters& counters) : counters_(counters) {
    if (!base::tells_usual()) return;
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    thread_ = std::jthread([this, terminal](const std::stop_token& stop) { terminal ? rewrite(stop) : log(stop); });
}

ProgressDisplay::~ProgressDisplay() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void ProgressDisplay::rewrite(const std::stop_token& stop) {
    RateMeter meter(now());
    while (base::pause(kRewriteInterval, stop)) {
        base::show_status(to_text(view_of(counters_, meter.look(counters_.bytes.load(), now()))));
    }
    base::show_status("");
}

void ProgressDisplay::log(const std::stop_token& stop) {
    RateMeter meter(now());
    auto told = now();
    std::string phase = counters_.phase.load();
    while (base::pause(kPhaseInterval, stop)) {
        const auto view = view_of(counters_, meter.look(counters_.bytes.load(), now()));
        if (view.phase == phase && now() - told < kLogInterval) continue;
        say(view);
        told = now();
        phase = view.phase;
    }
}

}  // namespace n4b::runner
