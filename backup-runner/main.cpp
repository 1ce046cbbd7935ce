#include <unistd.h>

#include <csignal>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include "backup-runner/app/commands.hpp"
#include "common/contract/exit_code.hpp"
#include "common/process/signal_watch.hpp"
#include "common/process/standard_streams.hpp"

namespace {

/// As the first process of a container, a program is not ended by signals that it does not handle. These commands may
/// end anywhere: only a restore writes, and what it leaves bears its marker.
void end_on_signals() {
    // Found out now: only few calls are allowed when a signal comes.
    static bool at_terminal = false;
    at_terminal = isatty(STDERR_FILENO) == 1;
    const auto end = [](int) {
        constexpr std::string_view kClearLine = "\r\033[K";
        constexpr std::string_view kText = "error: Cancelled: stopped by a signal\n";
        [[maybe_unused]] auto written = at_terminal ? write(STDERR_FILENO, kClearLine.data(), kClearLine.size()) : 0;
        written = write(STDERR_FILENO, kText.data(), kText.size());
        _exit(static_cast<int>(n4b::contract::ExitCode::kCancelled));
    };
    // A backup takes no notice of it either.
    std::signal(SIGUSR2, SIG_IGN);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        // What nohup ignores stays ignored. A shell ignores SIGINT for what runs in its background.
        if (std::signal(signal, end) == SIG_IGN && signal == SIGHUP) std::signal(signal, SIG_IGN);
    }
}

int start(int argc, char** argv, n4b::base::SteadyTime started) {
    auto options = n4b::runner::parse_options(argc, argv);
    if (!options) return n4b::runner::report_failure(options.error());
    return std::visit(
        [started](const auto& chosen) {
            using Chosen = std::decay_t<decltype(chosen)>;
            if constexpr (std::is_same_v<Chosen, n4b::runner::Exit>) {
                return chosen.code;
            } else if constexpr (std::is_same_v<Chosen, n4b::runner::BackupOptions> ||
                                 std::is_same_v<Chosen, n4b::runner::ProbeOptions> ||
                                 std::is_same_v<Chosen, n4b::runner::CheckStorageOptions> ||
                                 std::is_same_v<Chosen, n4b::runner::CheckStorageRunOptions> ||
                                 std::is_same_v<Chosen, n4b::runner::LookUpOptions> ||
                                 std::is_same_v<Chosen, n4b::runner::PruneRunOptions> ||
                                 std::is_same_v<Chosen, n4b::runner::RestoreRunOptions>) {
                const n4b::process::SignalWatch signals;
                return n4b::runner::run(chosen, started, signals.token());
            } else {
                end_on_signals();
                return n4b::runner::run(chosen);
            }
        },
        *options);
}

}  // namespace

int main(int argc, char** argv) {
    const auto started = std::chrono::steady_clock::now();
    n4b::process::hold_standard_streams();
    try {
        return start(argc, argv, started);
    } catch (const std::exception& error) {
        return n4b::runner::report_failure({.code = n4b::base::ErrorCode::kInternal,
                                            .message = error.what(),
                                            .reason = n4b::base::Reason::kInternalError});
    }
}
