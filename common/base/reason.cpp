#include "common/base/reason.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace n4b::base {
namespace {

constexpr auto kNames = std::to_array<std::pair<Reason, std::string_view>>({
    {Reason::kCompleted, "Completed"},
    {Reason::kSourceUnreachable, "SourceUnreachable"},
    {Reason::kSourceNameNotResolved, "SourceNameNotResolved"},
    {Reason::kNotCatchupServer, "NotCatchupServer"},
    {Reason::kSourceConnectionLost, "SourceConnectionLost"},
    {Reason::kSourceStalled, "SourceStalled"},
    {Reason::kSourceRefused, "SourceRefused"},
    {Reason::kSourceProtocolError, "SourceProtocolError"},
    {Reason::kSourceLogPruned, "SourceLogPruned"},
    {Reason::kSourceIdentityChanged, "SourceIdentityChanged"},
    {Reason::kHistoryDiverged, "HistoryDiverged"},
    {Reason::kNoEarlierBackup, "NoEarlierBackup"},
    {Reason::kChainTooLong, "ChainTooLong"},
    {Reason::kSourceBehind, "SourceBehind"},
    {Reason::kNoReadReplica, "NoReadReplica"},
    {Reason::kSourcesDisagree, "SourcesDisagree"},
    {Reason::kCopyInconsistent, "CopyInconsistent"},
    {Reason::kStorageFull, "StorageFull"},
    {Reason::kStorageReadOnly, "StorageReadOnly"},
    {Reason::kStorageUnavailable, "StorageUnavailable"},
    {Reason::kStoragePermission, "StoragePermission"},
    {Reason::kArtifactConflict, "ArtifactConflict"},
    {Reason::kArtifactDamaged, "ArtifactDamaged"},
    {Reason::kArtifactNotSupported, "ArtifactNotSupported"},
    {Reason::kArtifactNotFound, "ArtifactNotFound"},
    {Reason::kMemoryLimitTooSmall, "MemoryLimitTooSmall"},
    {Reason::kOutputFailed, "OutputFailed"},
    {Reason::kTargetNotEmpty, "TargetNotEmpty"},
    {Reason::kTargetFull, "TargetFull"},
    {Reason::kTargetNotWritable, "TargetNotWritable"},
    {Reason::kPointOutsideWindow, "PointOutsideWindow"},
    {Reason::kChainAmbiguous, "ChainAmbiguous"},
    {Reason::kInvalidRunSpec, "InvalidRunSpec"},
    {Reason::kAttemptDeadlineExceeded, "AttemptDeadlineExceeded"},
    {Reason::kCancelled, "Cancelled"},
    {Reason::kInternalError, "InternalError"},
    {Reason::kSourceRequiresTls, "SourceRequiresTls"},
    {Reason::kSourceSpeaksClearText, "SourceSpeaksClearText"},
    {Reason::kTlsMaterialInvalid, "TlsMaterialInvalid"},
    {Reason::kTlsKeyMismatch, "TlsKeyMismatch"},
    {Reason::kTlsClientCertificateRequired, "TlsClientCertificateRequired"},
    {Reason::kTlsClientCertificateRejected, "TlsClientCertificateRejected"},
    {Reason::kTlsNoCommonVersion, "TlsNoCommonVersion"},
    {Reason::kServerCertificateExpired, "ServerCertificateExpired"},
    {Reason::kServerCertificateNotYetValid, "ServerCertificateNotYetValid"},
    {Reason::kServerCertificateUntrusted, "ServerCertificateUntrusted"},
    {Reason::kServerCertificateRevoked, "ServerCertificateRevoked"},
    {Reason::kServerNameMismatch, "ServerNameMismatch"},
    {Reason::kStorageUnreachable, "StorageUnreachable"},
    {Reason::kStorageNameNotResolved, "StorageNameNotResolved"},
    {Reason::kStorageProxyFailed, "StorageProxyFailed"},
    {Reason::kStorageThrottled, "StorageThrottled"},
    {Reason::kStorageReplyInvalid, "StorageReplyInvalid"},
    {Reason::kStorageCertificateInvalid, "StorageCertificateInvalid"},
    {Reason::kStorageNotInitialized, "StorageNotInitialized"},
    {Reason::kStorageReplaced, "StorageReplaced"},
    {Reason::kSourceNameTaken, "SourceNameTaken"},
    {Reason::kBucketNotFound, "BucketNotFound"},
    {Reason::kStorageAccessDenied, "StorageAccessDenied"},
    {Reason::kStorageCredentialsInvalid, "StorageCredentialsInvalid"},
    {Reason::kStorageCredentialsRejected, "StorageCredentialsRejected"},
    {Reason::kStorageSignatureMismatch, "StorageSignatureMismatch"},
    {Reason::kStorageRegionWrong, "StorageRegionWrong"},
    {Reason::kStorageClockSkewed, "StorageClockSkewed"},
    {Reason::kStorageOperationUnsupported, "StorageOperationUnsupported"},
    {Reason::kStorageNotFound, "StorageNotFound"},
    {Reason::kStorageNotReady, "StorageNotReady"},
    {Reason::kVolumeNotMountable, "VolumeNotMountable"},
    {Reason::kImageNotPullable, "ImageNotPullable"},
    {Reason::kUnschedulable, "Unschedulable"},
    {Reason::kPodRejected, "PodRejected"},
    {Reason::kStartTimeout, "StartTimeout"},
    {Reason::kOutOfMemory, "OutOfMemory"},
    {Reason::kEvicted, "Evicted"},
    {Reason::kPodLost, "PodLost"},
    {Reason::kJobDeleted, "JobDeleted"},
    {Reason::kNoReport, "NoReport"},
    {Reason::kJobConflict, "JobConflict"},
    {Reason::kServiceHasNoEndpoints, "ServiceHasNoEndpoints"},
    {Reason::kDeadlineExceeded, "DeadlineExceeded"},
    {Reason::kLost, "Lost"},
    {Reason::kCredentialsNotFound, "CredentialsNotFound"},
    {Reason::kSkipped, "Skipped"},
    {Reason::kSourceNotFound, "SourceNotFound"},
    {Reason::kSourceNotReady, "SourceNotReady"},
    {Reason::kBackupNotFound, "BackupNotFound"},
    {Reason::kBackupNotReady, "BackupNotReady"},
    {Reason::kTargetNotReady, "TargetNotReady"},
    {Reason::kTargetInUse, "TargetInUse"},
    {Reason::kRecoveryServerMissing, "RecoveryServerMissing"},
    {Reason::kRecoveryFailed, "RecoveryFailed"},
    {Reason::kObjectTooLarge, "ObjectTooLarge"},
    {Reason::kObjectUnreadable, "ObjectUnreadable"},
    {Reason::kStatusRefused, "StatusRefused"},
    {Reason::kPending, "Pending"},
    {Reason::kQueued, "Queued"},
    {Reason::kRunning, "Running"},
    {Reason::kRetrying, "Retrying"},
    {Reason::kReady, "Ready"},
    {Reason::kClaimNotFound, "ClaimNotFound"},
    {Reason::kClaimNotBound, "ClaimNotBound"},
    {Reason::kClaimLost, "ClaimLost"},
    {Reason::kClaimTerminating, "ClaimTerminating"},
    {Reason::kExclusiveCreateHeld, "ExclusiveCreateHeld"},
    {Reason::kExclusiveCreateIgnored, "ExclusiveCreateIgnored"},
    {Reason::kExclusiveCreateRefused, "ExclusiveCreateRefused"},
    {Reason::kScheduleInvalid, "ScheduleInvalid"},
    {Reason::kSuspended, "Suspended"},
    {Reason::kRunMissed, "RunMissed"},
    {Reason::kStale, "Stale"},
    {Reason::kVerified, "Verified"},
    {Reason::kNotVerified, "NotVerified"},
    {Reason::kClearText, "ClearText"},
    {Reason::kClientCertificateDemanded, "ClientCertificateDemanded"},
    {Reason::kNoClientCertificateDemanded, "NoClientCertificateDemanded"},
    {Reason::kCertificateExpiresSoon, "CertificateExpiresSoon"},
});

}  // namespace

std::vector<Reason> all_reasons() {
    std::vector<Reason> reasons;
    reasons.reserve(kNames.size());
    for (const auto& [reason, name] : kNames) reasons.push_back(reason);
    return reasons;
}

std::string_view to_string(Reason reason) {
    const auto* found = std::find_if(kNames.begin(), kNames.end(), [&](const auto& e) { return e.first == reason; });
    return found == kNames.end() ? "InternalError" : found->second;
}

std::optional<Reason> parse_reason(std::string_view name) {
    const auto* found = std::find_if(kNames.begin(), kNames.end(), [&](const auto& e) { return e.second == name; });
    return found == kNames.end() ? std::nullopt : std::optional(found->first);
}

}  // namespace n4b::base
