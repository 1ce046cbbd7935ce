#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/reason.hpp"

namespace n4b::base {

/// What the caller should do about a failure.
enum class ErrorCode {
    kInvalid,  ///< Tell the user, never retry.
    kNotFound,
    kAlreadyExists,
    kConflict,  ///< Re-read, redo.
    kUnauthenticated,
    kPermissionDenied,
    kThrottled,    ///< Wait; see retry_after.
    kUnavailable,  ///< Retry the call.
    kDeadline,
    kCancelled,           ///< Stop quietly.
    kFailedPrecondition,  ///< Wait for a change.
    kDataLoss,            ///< Never retry, alarm.
    kInternal,            ///< A bug.
};

std::string_view to_string(ErrorCode code);

/// An expected failure. The message is built from the inside out ("list jobs in ns X: connection refused").
struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;
    std::optional<std::chrono::milliseconds> retry_after{};
    /// The outcome that a user is shown, where the place that failed knows it.
    std::optional<Reason> reason{};

    /// The same error with "context: " before its message.
    [[nodiscard]] Error wrap(std::string_view context) const {
        Error outer = *this;
        outer.message = std::string(context) + ": " + message;
        return outer;
    }
};

}  // namespace n4b::base
