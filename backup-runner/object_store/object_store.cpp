#include "backup-runner/object_store/object_store.hpp"

#include <fmt/format.h>

namespace n4b::object_store {

base::Result<void> check_call(const Call& call, std::string_view what) {
    if (call.stop.stop_requested()) {
        return base::fail(base::ErrorCode::kCancelled, base::Reason::kCancelled, fmt::format("{}: stopped", what));
    }
    if (call.deadline.passed()) {
        return base::fail(base::ErrorCode::kDeadline, base::Reason::kStorageUnavailable,
                          fmt::format("{}: no end before the deadline", what));
    }
    return {};
}

}  // namespace n4b::object_store
