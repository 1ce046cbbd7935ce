#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>

#include "backup-runner/app/commands.hpp"
#include "common/contract/exit_code.hpp"

namespace {

/// Turns SIGTERM and SIGINT into a stop request. Blocks both in the calling thread and in all that come later.
class SignalWatch {
public:
    SignalWatch() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN);
        thread_ = std::thread([this] {
            int signal = 0;
            sigwait(&set_, &signal);
            stop_.request_stop();
        });
    }
    ~SignalWatch() {
        pthread_kill(thread_.native_handle(), SIGTERM);
        thread_.join();
    }
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

private:
    sigset_t set_{};
    std::stop_source stop_{};
    std::thread thread_{};
};

int start(int argc, char** argv) {
    auto options = n4b::runner::parse_options(argc, argv);
    if (!options) return n4b::runner::report_failure(options.error());
    return std::visit(
        [](const auto& chosen) {
            using Chosen = std::decay_t<decltype(chosen)>;
            if constexpr (std::is_same_v<Chosen, n4b::runner::Exit>) {
                return chosen.code;
            } else if constexpr (std::is_same_v<Chosen, n4b::runner::BackupOptions>) {
                const SignalWatch signals;
                return n4b::runner::run(chosen, signals.token());
            } else {
                return n4b::runner::run(chosen);
            }
        },
        *options);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return start(argc, argv);
    } catch (const std::exception& error) {
        return n4b::runner::report_failure({.code = n4b::base::ErrorCode::kInternal,
                                            .message = error.what(),
                                            .reason = n4b::base::Reason::kInternalError});
    }
}
