#pragma once

#include <condition_variable>
#include <mutex>
#include <string_view>

#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::blocks {

/// Waits until `ready` holds, under the call's deadline and stop. Cancelled or Deadline: it doesn't hold.
template <typename Ready>
base::Result<void> wait_for(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                            const object_store::Call& call, std::string_view what, Ready ready) {
    // A wait until the end of time would overflow in the conversion to the clock that the system waits on.
    const bool bounded = call.deadline.when() != base::SteadyTime::max();
    const bool holds = bounded ? changed.wait_until(lock, call.stop, call.deadline.when(), ready)
                               : changed.wait(lock, call.stop, ready);
    if (holds) return {};
    N4B_TRY_VOID(object_store::check_call(call, what));
    return base::fail(base::ErrorCode::kDeadline, base::Reason::kStorageUnavailable, std::string(what));
}

}  // namespace n4b::blocks
