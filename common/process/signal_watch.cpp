#include "common/process/signal_watch.hpp"

#include <pthread.h>
#include <unistd.h>

namespace n4b::process {
namespace {

/// Whether whoever started the process ignores the signal, as nohup does with SIGHUP. A signal that is blocked reaches
/// sigwait() even when it is ignored, so an ignored one must not be blocked.
bool is_ignored(int signal) {
    struct sigaction action {};
    return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

SignalWatch::SignalWatch() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    if (!is_ignored(SIGHUP)) sigaddset(&set_, SIGHUP);
    sigaddset(&set_, SIGUSR2);  // Our own, to end the thread.
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // A file beyond the limit is an error of the write, not our end.
    thread_ = std::thread([this] { run(); });
}

SignalWatch::~SignalWatch() {
    ending_ = true;
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
}

void SignalWatch::run() {
    constexpr int kSignalled = 128;
    for (;;) {
        int signal = 0;
        sigwait(&set_, &signal);
        if (ending_) return;
        // Somebody else sent SIGUSR2. If the thread ended now, nobody would hear a later SIGTERM.
        if (signal == SIGUSR2) continue;
        if (stop_.stop_requested()) _exit(kSignalled + signal);
        stop_.request_stop();
    }
}

}  // namespace n4b::process
