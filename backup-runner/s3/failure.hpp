#pragma once

#include <chrono>
#include <optional>

#include "backup-runner/s3/reply.hpp"
#include "backup-runner/s3/request.hpp"
#include "common/base/error.hpp"

namespace n4b::s3 {

/// What a reply other than success means for whoever sent the request.
enum class FailureKind {
    kPermanent,    ///< The same request would end alike.
    kTransient,    ///< Worth repeating; whether the storage has done it is unknown.
    kThrottled,    ///< Worth repeating later.
    kDamaged,      ///< The body arrived damaged and was thrown away; worth repeating.
    kCredentials,  ///< Worth repeating with other credentials.
    kClock,        ///< Worth repeating with the storage's time.
    kTaken,        ///< Of a conditional PUT: something has the key, maybe since an earlier try of this very request.
    kNotFound,     ///< The object is not there.
    kHeld,         ///< Of a removal: the object is locked.
    kBeyondEnd,    ///< The range begins beyond the object's end.
};

struct Failure {
    FailureKind kind = FailureKind::kPermanent;
    base::Error error;  ///< With the reason a user is shown; names the operation, and nothing secret.
};

/// Explains a reply whose status isn't the operation's success. Decides by the error's code first, by the status
/// second. Pure.
Failure explain(const Location& location, const Operation& operation, const Reply& reply);

}  // namespace n4b::s3
