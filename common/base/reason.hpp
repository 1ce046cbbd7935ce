#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace n4b::base {

/// Why a run, an attempt or a storage is in the state it is in: the closed list that both programs speak. The names are
/// part of the API (condition reasons, `RunReport.reason`) and never change their meaning; operator/api/reasons adds to
/// each what a user should do.
enum class Reason {
    // Outcomes that the runner reports.
    kCompleted,              ///< The artifact is complete and its head is readable.
    kSourceUnreachable,      ///< No connection to any endpoint.
    kSourceNameNotResolved,  ///< The host name of every endpoint is unknown to DNS.
    kNotCatchupServer,       ///< Something answers, but it does not speak catchup version 1.
    kSourceConnectionLost,   ///< The source closed or reset the connection half-way.
    kSourceStalled,          ///< No byte within the stall or prepare timeout.
    kSourceRefused,          ///< The source answered with an error status.
    kSourceProtocolError,    ///< The source sent bytes that the protocol does not allow.
    kSourceLogPruned,        ///< The source pruned transactions that the copy needs.
    kSourceIdentityChanged,  ///< Store id differs from the last chain of this source and database.
    kHistoryDiverged,        ///< The source has another transaction of an id that the chain has: it was set back.
    kNoEarlierBackup,        ///< There is none that an increment could go on from.
    kChainTooLong,           ///< The chain has as many artifacts as are wanted.
    kSourceBehind,           ///< The source is further behind than maxLag allows, or behind what it had said.
    kNoReadReplica,          ///< policy ReplicaOnly, and no read replica answered.
    kSourcesDisagree,        ///< The endpoints belong to different databases.
    kCopyInconsistent,       ///< The copy failed the completeness rule (log does not reach H).
    kStorageFull,
    kStorageReadOnly,
    kStorageUnavailable,    ///< The volume vanished or answers with IO errors.
    kStoragePermission,     ///< The runner may not write there.
    kArtifactConflict,      ///< Somebody else owns the name, or the chain was closed meanwhile.
    kArtifactDamaged,       ///< A digest or a size does not match.
    kArtifactNotSupported,  ///< Written in a format, or with a feature, that this runner does not know.
    kArtifactNotFound,      ///< A look-up found no finished artifact of this run.
    kMemoryLimitTooSmall,   ///< The cgroup limit is below what the runner needs to work at all.
    kOutputFailed,          ///< Standard output could not be written, by hand; what the command had to do is done.
    kTargetNotEmpty,        ///< A restore's target directory holds something.
    kTargetFull,            ///< There is less room than what a restore would write, or it has run out.
    kTargetNotWritable,     ///< A restore's target directory can't be made or written.
    kPointOutsideWindow,    ///< A restore's time or transaction is none that the chain can be restored to.
    kChainAmbiguous,        ///< Which of several chains a restore is meant for only a person knows.
    kInvalidRunSpec,        ///< The RunSpec or the command line is wrong.
    kAttemptDeadlineExceeded,
    kCancelled,
    kInternalError,
    // Outcomes of TLS that the runner reports.
    kSourceRequiresTls,             ///< The source speaks TLS, and clear text was spoken to it.
    kSourceSpeaksClearText,         ///< The source speaks clear text, and TLS was spoken to it.
    kTlsMaterialInvalid,            ///< A key, certificate or revocation list can't be read.
    kTlsKeyMismatch,                ///< The private key does not belong to the certificate.
    kTlsClientCertificateRequired,  ///< The source demands a client certificate, and there is none.
    kTlsClientCertificateRejected,  ///< The source refuses our client certificate.
    kTlsNoCommonVersion,            ///< No TLS version or cipher that both sides take.
    kServerCertificateExpired,
    kServerCertificateNotYetValid,
    kServerCertificateUntrusted,  ///< No trusted certificate leads to it, or it is not made for this.
    kServerCertificateRevoked,
    kServerNameMismatch,  ///< The source's certificate is for other names.
    // Outcomes of object storage that the runner reports.
    kStorageUnreachable,           ///< No connection to the object storage's endpoint.
    kStorageNameNotResolved,       ///< DNS doesn't know the endpoint's host.
    kStorageProxyFailed,           ///< The proxy can't be reached or refuses to connect us.
    kStorageThrottled,             ///< The object storage asks us to slow down, retries included.
    kStorageReplyInvalid,          ///< What answers doesn't speak the object storage's protocol.
    kStorageCertificateInvalid,    ///< The object storage's certificate is not trusted, out of date or for other names.
    kBucketNotFound,               ///< The object storage has no such bucket.
    kStorageAccessDenied,          ///< The object storage denies an operation, which the message names.
    kStorageCredentialsInvalid,    ///< Our credentials are missing or incomplete.
    kStorageCredentialsRejected,   ///< The object storage doesn't know the key, or the session token is over.
    kStorageSignatureMismatch,     ///< The object storage computes another signature: a wrong secret.
    kStorageRegionWrong,           ///< The bucket lies in another region or behind another endpoint.
    kStorageClockSkewed,           ///< Our clock is too far from the object storage's.
    kStorageOperationUnsupported,  ///< The object storage doesn't know an operation or a header that is needed.
    // Outcomes of what stands in a storage, or doesn't, that the runner reports.
    kStorageNotInitialized,  ///< There is no repository file: an unmounted volume, another bucket, or a new storage.
    kStorageReplaced,        ///< Another repository than the one that was expected.
    kSourceNameTaken,        ///< The source's name belongs to another cluster, namespace or source.
    // Outcomes that only the operator can see.
    kStorageNotFound,  ///< No Neo4jBackupStorage of that name.
    kStorageNotReady,  ///< The storage exists, but its claim does not.
    kVolumeNotMountable,
    kImageNotPullable,
    kUnschedulable,
    kPodRejected,  ///< Quota, pod security or another admission refused the pod.
    kStartTimeout,
    kOutOfMemory,
    kEvicted,
    kPodLost,      ///< The pod went away with its node.
    kJobDeleted,   ///< Somebody deleted the Job or its pod.
    kNoReport,     ///< The container ended without a readable report.
    kJobConflict,  ///< A Job of the attempt's name belongs to somebody else.
    kServiceHasNoEndpoints,
    kDeadlineExceeded,       ///< The deadline of the whole run.
    kLost,                   ///< The attempt outlived its deadline and grace without any word.
    kCredentialsNotFound,    ///< A Secret, ConfigMap or key that a source or a storage names does not exist.
    kSkipped,                ///< Never started: its time had passed, or it was put back from a backup of the cluster.
    kSourceNotFound,         ///< No Neo4jBackupSource of that name.
    kSourceNotReady,         ///< The source exists, but its probe says that it can't be copied from.
    kBackupNotFound,         ///< No Neo4jBackup of that name.
    kBackupNotReady,         ///< The backup exists, but it has not succeeded.
    kTargetNotReady,         ///< The claim that a restore is to write to does not exist, or is going, or holds backups.
    kTargetInUse,            ///< A pod uses the claim that a restore is to write to.
    kRecoveryServerMissing,  ///< Nothing says with which server a restored database is to be recovered.
    kRecoveryFailed,         ///< The server that was to recover a restored database failed.
    kObjectTooLarge,         ///< The object is beyond the size that the operator reads.
    kObjectUnreadable,       ///< The object has a field of another type than its definition says.
    kStatusRefused,          ///< The API server refuses the run's status for good, so nobody could follow the run.
    // States on the way.
    kPending,
    kQueued,
    kRunning,
    kRetrying,
    // How a storage stands.
    kReady,
    kClaimNotFound,
    kClaimNotBound,
    kClaimLost,
    kClaimTerminating,        ///< The claim is being deleted.
    kExclusiveCreateHeld,     ///< The second of two that create an object of one key is refused.
    kExclusiveCreateIgnored,  ///< It replaces the first one's object.
    kExclusiveCreateRefused,  ///< The storage takes no conditional writes.
    // How a schedule stands.
    kScheduleInvalid,  ///< A line or a zone of its cadences is not understood.
    kSuspended,        ///< It makes no backups until somebody says so.
    kRunMissed,        ///< No backup was made at a time when one was due.
    kStale,            ///< What can be restored is older than its rpo allows.
    // How far a source can be trusted.
    kVerified,
    kNotVerified,  ///< spec.connection.tls.verification is None.
    kClearText,
    kClientCertificateDemanded,
    kNoClientCertificateDemanded,
    kCertificateExpiresSoon,
};

/// The whole list, in its order.
std::vector<Reason> all_reasons();

/// The name as it stands in conditions and reports, e.g. "SourceUnreachable".
std::string_view to_string(Reason reason);

/// The reason of that name, or nothing for a name outside the list.
std::optional<Reason> parse_reason(std::string_view name);

}  // namespace n4b::base
