#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace n4b::process {

/// Turns SIGTERM, SIGINT and SIGHUP (unless it was ignored before) into a stop request; a second one ends the process
/// at once. Blocks them and SIGUSR2 in the calling thread and in all that come later, so it is made before the first
/// thread. SIGPIPE, SIGXFSZ and SIGUSR2 do nothing from then on.
class SignalWatch {
public:
    SignalWatch();
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

private:
    void run();
    sigset_t set_{};
    std::stop_source stop_{};
    std::atomic<bool> ending_ = false;
    std::thread thread_{};
};

}  // namespace n4b::process
