#include "common/contract/exit_code.hpp"

namespace n4b::contract {

ExitCode exit_code_of(base::Reason reason) {
    using base::Reason;
    switch (reason) {
        case Reason::kCompleted:
            return ExitCode::kDone;
        case Reason::kInvalidRunSpec:
        case Reason::kTargetNotEmpty:
            return ExitCode::kBadInput;
        case Reason::kArtifactDamaged:
            return ExitCode::kDamaged;
        case Reason::kCancelled:
            return ExitCode::kCancelled;
        case Reason::kNotCatchupServer:
        case Reason::kSourceIdentityChanged:
        case Reason::kSourcesDisagree:
        case Reason::kSourceRequiresTls:
        case Reason::kSourceSpeaksClearText:
        case Reason::kTlsMaterialInvalid:
        case Reason::kTlsKeyMismatch:
        case Reason::kTlsClientCertificateRequired:
        case Reason::kTlsClientCertificateRejected:
        case Reason::kTlsNoCommonVersion:
        case Reason::kServerCertificateExpired:
        case Reason::kServerCertificateNotYetValid:
        case Reason::kServerCertificateUntrusted:
        case Reason::kServerCertificateRevoked:
        case Reason::kServerNameMismatch:
        case Reason::kStorageFull:
        case Reason::kStorageReadOnly:
        case Reason::kStoragePermission:
        case Reason::kArtifactNotSupported:
        case Reason::kArtifactNotFound:
        case Reason::kMemoryLimitTooSmall:
        case Reason::kOutputFailed:
        case Reason::kDeadlineExceeded:
        case Reason::kSkipped:
        case Reason::kObjectTooLarge:
        case Reason::kObjectUnreadable:
        case Reason::kStatusRefused:
            return ExitCode::kPermanent;
        case Reason::kSourceUnreachable:
        case Reason::kSourceNameNotResolved:
        case Reason::kSourceConnectionLost:
        case Reason::kSourceStalled:
        case Reason::kSourceRefused:
        case Reason::kSourceProtocolError:
        case Reason::kSourceLogPruned:
        case Reason::kSourceBehind:
        case Reason::kNoReadReplica:
        case Reason::kCopyInconsistent:
        case Reason::kStorageUnavailable:
        case Reason::kArtifactConflict:
        case Reason::kAttemptDeadlineExceeded:
        case Reason::kInternalError:
        case Reason::kStorageNotFound:
        case Reason::kStorageNotReady:
        case Reason::kVolumeNotMountable:
        case Reason::kImageNotPullable:
        case Reason::kUnschedulable:
        case Reason::kPodRejected:
        case Reason::kStartTimeout:
        case Reason::kOutOfMemory:
        case Reason::kEvicted:
        case Reason::kPodLost:
        case Reason::kJobDeleted:
        case Reason::kNoReport:
        case Reason::kJobConflict:
        case Reason::kServiceHasNoEndpoints:
        case Reason::kSourceNotFound:
        case Reason::kSourceNotReady:
        case Reason::kLost:
        case Reason::kCredentialsNotFound:
        case Reason::kVerified:
        case Reason::kNotVerified:
        case Reason::kClearText:
        case Reason::kClientCertificateDemanded:
        case Reason::kNoClientCertificateDemanded:
        case Reason::kCertificateExpiresSoon:
        case Reason::kPending:
        case Reason::kQueued:
        case Reason::kRunning:
        case Reason::kRetrying:
        case Reason::kReady:
        case Reason::kWaitingForFirstConsumer:
        case Reason::kClaimNotFound:
        case Reason::kClaimNotBound:
        case Reason::kClaimLost:
        case Reason::kClaimTerminating:
            return ExitCode::kRetry;
    }
    return ExitCode::kRetry;
}

}  // namespace n4b::contract
