#include "common/base/error.hpp"

namespace n4b::base {

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalid:
            return "Invalid";
        case ErrorCode::kNotFound:
            return "NotFound";
        case ErrorCode::kAlreadyExists:
            return "AlreadyExists";
        case ErrorCode::kConflict:
            return "Conflict";
        case ErrorCode::kUnauthenticated:
            return "Unauthenticated";
        case ErrorCode::kPermissionDenied:
            return "PermissionDenied";
        case ErrorCode::kThrottled:
            return "Throttled";
        case ErrorCode::kUnavailable:
            return "Unavailable";
        case ErrorCode::kDeadline:
            return "Deadline";
        case ErrorCode::kCancelled:
            return "Cancelled";
        case ErrorCode::kFailedPrecondition:
            return "FailedPrecondition";
        case ErrorCode::kDataLoss:
            return "DataLoss";
        case ErrorCode::kInternal:
            return "Internal";
    }
    return "Internal";
}

}  // namespace n4b::base
