#include "common/base/pause.hpp"

#include <condition_variable>
#include <mutex>

namespace n4b::base {

bool pause(std::chrono::nanoseconds span, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, span, [] { return false; });
    return !stop.stop_requested();
}

}  // namespace n4b::base
