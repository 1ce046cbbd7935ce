#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace n4b::process {

/// Turns SIGTERM and SIGINT into a stop request; a second one ends the process at once. Blocks both in the calling
/// thread and in all that come later, so it is made before the first thread. SIGPIPE is ignored from then on.
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
    std::thread thread_{};
};

}  // namespace n4b::process
