#include "operator/kinds/storage/what_failed.hpp"

namespace n4b::storage {

Failed what_failed(base::Reason reason) {
    using base::Reason;
    switch (reason) {
        case Reason::kClaimNotFound:
        case Reason::kClaimNotBound:
        case Reason::kClaimLost:
        case Reason::kClaimTerminating:
        case Reason::kVolumeNotMountable:
        case Reason::kStorageUnavailable:
        case Reason::kStorageUnreachable:
        case Reason::kStorageNameNotResolved:
        case Reason::kStorageProxyFailed:
        case Reason::kStorageReplyInvalid:
        case Reason::kStorageCertificateInvalid:
        case Reason::kAttemptDeadlineExceeded:  // A look takes seconds: a volume hung, and the kernel with it.
            return Failed::kToAnswer;
        case Reason::kStorageFull:
        case Reason::kStorageReadOnly:
        case Reason::kStoragePermission:
        case Reason::kStorageThrottled:
        case Reason::kBucketNotFound:
        case Reason::kStorageAccessDenied:
        case Reason::kStorageCredentialsRejected:
        case Reason::kStorageSignatureMismatch:
        case Reason::kStorageRegionWrong:
        case Reason::kStorageClockSkewed:
        case Reason::kStorageOperationUnsupported:
        case Reason::kStorageNotInitialized:
        case Reason::kStorageReplaced:
        case Reason::kArtifactConflict:
        case Reason::kArtifactDamaged:
            return Failed::kToTakeIt;
        default:
            return Failed::kUnknown;
    }
}

}  // namespace n4b::storage
