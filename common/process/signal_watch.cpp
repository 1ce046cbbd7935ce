#include "common/process/signal_watch.hpp"

#include <pthread.h>
#include <unistd.h>

namespace n4b::process {

SignalWatch::SignalWatch() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGUSR2);  // Our own, to end the thread.
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // A file beyond the limit is an error of the write, not our end.
    thread_ = std::thread([this] { run(); });
}

SignalWatch::~SignalWatch() {
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
}

void SignalWatch::run() {
    constexpr int kSignalled = 128;
    while (true) {
        int signal = 0;
        sigwait(&set_, &signal);
        if (signal == SIGUSR2) return;
        if (stop_.stop_requested()) _exit(kSignalled + signal);
        stop_.request_stop();
    }
}

}  // namespace n4b::process
