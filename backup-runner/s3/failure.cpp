#include "backup-runner/s3/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "backup-runner/s3/percent.hpp"

namespace n4b::s3 {
namespace {

using base::ErrorCode;
using base::Reason;

struct Meaning {
    FailureKind kind;
    ErrorCode code;
    Reason reason;
};

constexpr Meaning kUnavailable{FailureKind::kTransient, ErrorCode::kUnavailable, Reason::kStorageUnavailable};
constexpr Meaning kDamaged{FailureKind::kDamaged, ErrorCode::kUnavailable, Reason::kStorageUnavailable};
constexpr Meaning kThrottled{FailureKind::kThrottled, ErrorCode::kThrottled, Reason::kStorageThrottled};
constexpr Meaning kRejected{FailureKind::kCredentials, ErrorCode::kUnauthenticated,
                            Reason::kStorageCredentialsRejected};
constexpr Meaning kSignature{FailureKind::kCredentials, ErrorCode::kUnauthenticated, Reason::kStorageSignatureMismatch};
constexpr Meaning kClock{FailureKind::kClock, ErrorCode::kUnauthenticated, Reason::kStorageClockSkewed};
constexpr Meaning kDenied{FailureKind::kPermanent, ErrorCode::kPermissionDenied, Reason::kStorageAccessDenied};
constexpr Meaning kRegion{FailureKind::kPermanent, ErrorCode::kInvalid, Reason::kStorageRegionWrong};
constexpr Meaning kNoBucket{FailureKind::kPermanent, ErrorCode::kNotFound, Reason::kBucketNotFound};
constexpr Meaning kFull{FailureKind::kPermanent, ErrorCode::kFailedPrecondition, Reason::kStorageFull};
constexpr Meaning kReadOnly{FailureKind::kPermanent, ErrorCode::kFailedPrecondition, Reason::kStorageReadOnly};
constexpr Meaning kRefused{FailureKind::kPermanent, ErrorCode::kInvalid, Reason::kStorageOperationUnsupported};
constexpr Meaning kStrange{FailureKind::kPermanent, ErrorCode::kInvalid, Reason::kStorageReplyInvalid};
constexpr Meaning kTaken{FailureKind::kTaken, ErrorCode::kAlreadyExists, Reason::kArtifactConflict};
constexpr Meaning kMissing{FailureKind::kNotFound, ErrorCode::kNotFound, Reason::kArtifactNotFound};
constexpr Meaning kHeld{FailureKind::kHeld, ErrorCode::kFailedPrecondition, Reason::kStorageAccessDenied};
constexpr Meaning kBeyond{FailureKind::kBeyondEnd, ErrorCode::kInvalid, Reason::kStorageReplyInvalid};

/// Error codes of Amazon S3, and with their origin those of others (object-storage facts of the design, section 1.9).
constexpr auto kCodes = std::to_array<std::pair<std::string_view, Meaning>>({
    {"InternalError", kUnavailable},
    {"ServiceUnavailable", kUnavailable},
    {"OperationAborted", kUnavailable},
    {"ConditionalRequestConflict", kUnavailable},  // Another writer is under way: only a repetition tells who won.
    {"RequestTimeout", kUnavailable},
    {"XMinioServerNotInitialized", kUnavailable},  // MinIO
    {"ServerBusy", kUnavailable},                  // MinIO
    {"BadDigest", kDamaged},
    {"XAmzContentSHA256Mismatch", kDamaged},
    {"IncompleteBody", kDamaged},
    {"SlowDown", kThrottled},
    {"SlowDownRead", kThrottled},   // MinIO
    {"SlowDownWrite", kThrottled},  // MinIO
    {"TooManyRequests", kThrottled},
    {"TooManyRequestsException", kThrottled},
    {"Throttling", kThrottled},
    {"ThrottlingException", kThrottled},
    {"ThrottledException", kThrottled},
    {"RequestLimitExceeded", kThrottled},
    {"RequestThrottled", kThrottled},
    {"BandwidthLimitExceeded", kThrottled},
    {"ExpiredToken", kRejected},
    {"InvalidToken", kRejected},
    {"InvalidTokenId", kRejected},  // MinIO
    {"TokenRefreshRequired", kRejected},
    {"InvalidAccessKeyId", kRejected},
    {"XAdminUserNotFound", kRejected},  // versitygw, with status 404
    {"SignatureDoesNotMatch", kSignature},
    {"RequestTimeTooSkewed", kClock},
    {"RequestExpired", kClock},
    {"AccessDenied", kDenied},
    {"AllAccessDisabled", kDenied},
    {"AccountProblem", kDenied},
    {"PermanentRedirect", kRegion},
    {"TemporaryRedirect", kRegion},
    {"IllegalLocationConstraintException", kRegion},
    {"NoSuchBucket", kNoBucket},
    {"InvalidBucketName", kNoBucket},
    {"XMinioStorageFull", kFull},               // MinIO
    {"XMinioAdminBucketQuotaExceeded", kFull},  // MinIO
    {"QuotaExceeded", kFull},                   // Ceph, versitygw
    {"InsufficientCapacity", kFull},
    {"MethodNotAllowed", kReadOnly},
    {"NoSuchKey", kMissing},
    {"PreconditionFailed", kTaken},
    {"InvalidRange", kBeyond},
    {"NotImplemented", kRefused},
});

/// Amazon denies access to an object that is locked as it denies what a policy forbids, and others call the request
/// invalid: the words alone tell.
bool tells_of_lock(const ErrorDocument& document) {
    const auto says = [&](std::string_view text) { return document.message.find(text) != std::string::npos; };
    return document.code == "ObjectLocked" || says("object lock") || says("Object Lock") || says("WORM");
}

std::optional<Meaning> meaning_of_code(const Operation& operation, const ErrorDocument& document) {
    if (document.code.empty()) return std::nullopt;
    if (operation.method == "DELETE" && tells_of_lock(document)) return kHeld;
    // Amazon says so of a wrong region, and others of a header that is wrong itself.
    if (document.code == "AuthorizationHeaderMalformed") return document.region.empty() ? kRefused : kRegion;
    const auto* found =
        std::find_if(kCodes.begin(), kCodes.end(), [&](const auto& e) { return e.first == document.code; });
    if (found == kCodes.end()) return std::nullopt;
    // 405 of a read is a strange server; of a write a storage, or a gateway, that takes none.
    if (found->second.reason == Reason::kStorageReadOnly && !operation.writes) return kRefused;
    if (found->second.kind == FailureKind::kTaken && !operation.conditional) return kRefused;
    return found->second;
}

Meaning meaning_of_status(const Location& location, const Operation& operation, const Reply& reply,
                          const ErrorDocument& document) {
    const bool documented = !document.code.empty();
    const auto region = header_of(reply, "x-amz-bucket-region");
    if (region && *region != location.region && reply.status >= 300 && reply.status < 500 && reply.status != 404) {
        return kRegion;
    }
    switch (reply.status) {
        case 301:
        case 307:
        case 308:
            return kRegion;
        case 304:
        case 409:
        case 412:
            return operation.conditional ? kTaken : (reply.status == 409 ? kUnavailable : kRefused);
        case 401:
        case 403:
            return kDenied;
        case 404:
            if (operation.key.empty()) return documented ? kNoBucket : kStrange;
            // Whoever answers 404 otherwise than S3 does is another server, or speaks of something else than the
            // object.
            return operation.method == "HEAD" ? kMissing : kStrange;
        case 408:
            return kUnavailable;
        case 416:
            return kBeyond;
        case 429:
            return kThrottled;
        case 501:
            return kRefused;
        case 507:
            return kFull;
        default:
            break;
    }
    if (reply.status >= 500) return header_of(reply, "retry-after") ? kThrottled : kUnavailable;
    if (reply.status >= 400 && documented) return kRefused;
    return kStrange;
}

/// What a person needs beside the storage's own words.
std::string hint(const Location& location, const Meaning& meaning, const Reply& reply, const ErrorDocument& document) {
    if (meaning.reason == Reason::kStorageRegionWrong) {
        const auto header = header_of(reply, "x-amz-bucket-region");
        const auto region = document.region.empty() ? printable(header.value_or("")) : document.region;
        if (!region.empty()) return fmt::format("; the bucket's region is {}, not {}", region, location.region);
        if (!document.endpoint.empty()) return fmt::format("; the bucket's endpoint is {}", document.endpoint);
        const auto target = header_of(reply, "location");
        // The query of a redirect may hold a signature.
        if (target) return fmt::format("; it points to {}", printable(target->substr(0, target->find('?'))));
    }
    if (meaning.reason == Reason::kStorageClockSkewed) {
        if (const auto date = header_of(reply, "date"))
            return fmt::format("; the storage's clock says {}", printable(*date));
    }
    return "";
}

}  // namespace

Failure explain(const Location& location, const Operation& operation, const Reply& reply) {
    auto document = parse_error(reply.body);
    // A reply to HEAD has no body; MinIO tells the code all the same.
    if (document.code.empty()) document.code = printable(header_of(reply, "x-minio-error-code").value_or(""));
    const auto meaning =
        meaning_of_code(operation, document).value_or(meaning_of_status(location, operation, reply, document));
    std::string text = fmt::format("{}: {}", describe(location, operation), reply.status);
    if (!document.code.empty()) text += " " + document.code;
    if (!document.message.empty()) text += ": " + document.message;
    text += hint(location, meaning, reply, document);
    if (!document.request_id.empty()) text += fmt::format(" (request id {})", document.request_id);
    return {.kind = meaning.kind,
            .error = {.code = meaning.code,
                      .message = std::move(text),
                      .retry_after = retry_after_of(reply),
                      .reason = meaning.reason}};
}

}  // namespace n4b::s3
