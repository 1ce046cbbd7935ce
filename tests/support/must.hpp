#pragma once

#include <csignal>
#include <cstdlib>

namespace n4b::testing {

/// What can't fail in a test's own parts ends the test where it does.
inline void must(bool good) {
    if (!good) std::abort();
}

/// For a server's thread: a write to a client that has gone is an error there, and not the end of the test. The
/// client's own threads keep the signal.
inline void block_sigpipe() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace n4b::testing
