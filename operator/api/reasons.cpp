#include "operator/api/reasons.hpp"

#include <fmt/format.h>

namespace n4b::api {

std::string_view advice(base::Reason reason) {
    using base::Reason;
    switch (reason) {
        case Reason::kSourceUnreachable:
            return "Check that the server runs, that dbms.backup.enabled is true and dbms.backup.address is "
                   "0.0.0.0:6362 "
                   "(3.x listens on loopback unless told), and that the port is open to runner pods.";
        case Reason::kSourceNameNotResolved:
            return "Check the host names in spec.endpoints of the source.";
        case Reason::kNotCatchupServer:
            return "Point the source at the backup port (6362) or the transaction port (6000) of a Neo4j 3.x server.";
        case Reason::kSourceRequiresTls:
            return "Give spec.connection.tls of the source the Secret with the policy's key and certificates.";
        case Reason::kSourceSpeaksClearText:
            return "Remove spec.connection.tls of the source, or set dbms.backup.ssl_policy on the source.";
        case Reason::kTlsMaterialInvalid:
        case Reason::kTlsKeyMismatch:
            return "Put a matching key and certificate in PEM into the Secret that spec.connection.tls of the source "
                   "names.";
        case Reason::kTlsClientCertificateRequired:
            return "Put a key and a certificate that the source trusts into the Secret of spec.connection.tls.";
        case Reason::kTlsClientCertificateRejected:
            return "Renew the certificate in the Secret of spec.connection.tls, or trust its issuer on the source.";
        case Reason::kTlsNoCommonVersion:
            return "Let the source's policy take TLSv1.2 or TLSv1.3 (tls_versions, ciphers).";
        case Reason::kServerCertificateExpired:
        case Reason::kServerCertificateNotYetValid:
            return "Renew the source's certificate; check the clocks.";
        case Reason::kServerCertificateUntrusted:
            return "Add the issuer of the source's certificate to the Secret or to spec.connection.tls.trust of the "
                   "source.";
        case Reason::kServerCertificateRevoked:
            return "Give the source another certificate, or the Secret a newer revocation list.";
        case Reason::kServerNameMismatch:
            return "Set spec.connection.tls.serverName of the source to a name in the certificate, or verification to "
                   "Chain.";
        case Reason::kSourceConnectionLost:
            return "Look at the source's log: it closed the connection.";
        case Reason::kSourceStalled:
            return "Look at the source's load; timeouts.connect (until a server is chosen), timeouts.prepare and "
                   "timeouts.stall set the patience.";
        case Reason::kSourceRefused:
        case Reason::kSourceProtocolError:
            return "Look at the source's log.";
        case Reason::kSourceLogPruned:
            return "Let the source keep its transaction logs longer (dbms.tx_log.rotation.retention_policy), or make "
                   "backups "
                   "more often.";
        case Reason::kSourceIdentityChanged:
            return "This source name belongs to another database; give the new one another spec.name.";
        case Reason::kHistoryDiverged:
            return "The source was set back, so nothing can go on from its earlier backups; a full backup begins a new "
                   "chain.";
        case Reason::kNoEarlierBackup:
            return "An increment needs a full backup to go on from; spec.onIncrementalImpossible: Full makes one.";
        case Reason::kChainTooLong:
            return "A full backup begins a new chain.";
        case Reason::kSourceBehind:
            return "Find out why the source lags behind the cluster, or raise spec.connection.maxLag of the source.";
        case Reason::kNoReadReplica:
            return "Bring a read replica up, or set spec.connection.policy of the source to PreferReplica.";
        case Reason::kSourcesDisagree:
            return "Let the source name members of one cluster only.";
        case Reason::kCopyInconsistent:
            return "The copy was thrown away; it is taken again.";
        case Reason::kStorageFull:
            return "Make room on the volume or make it larger.";
        case Reason::kStorageReadOnly:
            return "Mount the volume for writing.";
        case Reason::kStorageUnavailable:
            return "Check the volume and the node it hangs on, or the object storage's own state.";
        case Reason::kStoragePermission:
            return "Let spec.runner.securityContext of the storage (runAsUser, fsGroup) fit the volume's owner.";
        case Reason::kStorageUnreachable:
            return "Check the storage's endpoint and that runner pods may reach it (network policies).";
        case Reason::kStorageNameNotResolved:
            return "Check the host name of the storage's endpoint.";
        case Reason::kStorageProxyFailed:
            return "Check spec.s3.proxy of the storage (by hand HTTPS_PROXY and NO_PROXY) and the proxy's log.";
        case Reason::kStorageThrottled:
            return "Raise the storage's request limits, or run fewer backups at once.";
        case Reason::kStorageReplyInvalid:
            return "Check that the endpoint is the object storage's API (not its console), and what stands between.";
        case Reason::kStorageCertificateInvalid:
            return "Give the storage the CA bundle that signed its certificate; check names, dates and clocks.";
        case Reason::kStorageNotInitialized:
            return "Check that the right volume or bucket is in use; if it was emptied on purpose, delete the "
                   "Neo4jBackupStorage and apply it again (by hand: init).";
        case Reason::kStorageReplaced:
            return "Bring back the storage that was used before; to go on with this one, delete the "
                   "Neo4jBackupStorage and apply it again.";
        case Reason::kSourceNameTaken:
            return "Give the source another spec.name; or, where it is to go on with the other one's backups, release "
                   "the name (neo4j-backup-runner release).";
        case Reason::kBucketNotFound:
            return "Create the bucket, or correct its name and the endpoint.";
        case Reason::kStorageAccessDenied:
            return "Allow the operation in the policy of the key or of the bucket.";
        case Reason::kStorageCredentialsInvalid:
            return "Put the access key id and the secret access key under the names in docs/object-storage.md into the "
                   "Secret; it also says what other sources of credentials, and a proxy's username and password, need.";
        case Reason::kStorageCredentialsRejected:
            return "Renew the credentials in the Secret, or let the role trust the token: its issuer, audience and "
                   "subject.";
        case Reason::kStorageSignatureMismatch:
            return "Check the secret access key, line ends included, and proxies that rewrite requests.";
        case Reason::kStorageRegionWrong:
            return "Set the region or the endpoint that the message names.";
        case Reason::kStorageClockSkewed:
            return "Set the node's or the storage's clock (NTP).";
        case Reason::kStorageOperationUnsupported:
            return "Use another storage, or a later version of it; docs/object-storage.md says what is needed.";
        case Reason::kArtifactConflict:
            return "Another writer works on the same chain.";
        case Reason::kArtifactDamaged:
            return "Stored data is damaged; keep the volume and verify its chains.";
        case Reason::kArtifactNotSupported:
            return "Read it with the version of the runner that wrote it, or a later one.";
        case Reason::kMemoryLimitTooSmall:
            return "Raise spec.runner.resources.limits.memory of the storage or the run.";
        case Reason::kOutOfMemory:
            return "Raise spec.runner.resources.limits.memory of the storage or the run; for a server, "
                   "spec.server.resources.limits.memory of the source.";
        case Reason::kInvalidRunSpec:
            return "Operator and runner image may be of different versions.";
        case Reason::kOutputFailed:
            return "Give the output another place; what the message calls finished is.";
        case Reason::kTargetNotEmpty:
            return "Restore into an empty or missing directory.";
        case Reason::kTargetFull:
            return "Make room where the restore writes, or restore elsewhere.";
        case Reason::kTargetNotWritable:
            return "Check how the directory's file system is mounted, and that the runner may write there.";
        case Reason::kPointOutsideWindow:
            return "Restore to a point within the window that the message names, or from another chain.";
        case Reason::kChainAmbiguous:
            return "Name the chain (spec.chain; by hand --chain); neo4j-backup-runner list shows what each holds.";
        case Reason::kAttemptDeadlineExceeded:
        case Reason::kDeadlineExceeded:
        case Reason::kLost:
            return "Raise timeouts.attempt and timeouts.run, or find out what is slow.";
        case Reason::kSkipped:
            return "Create a new object for a run of now.";
        case Reason::kSourceNotFound:
            return "Create the Neo4jBackupSource that spec.sourceRef names.";
        case Reason::kSourceNotReady:
            return "Look at the conditions of the Neo4jBackupSource.";
        case Reason::kBackupNotFound:
            return "Name a Neo4jBackup of this namespace in spec.backupRef, or storageRef, sourceName and database "
                   "in its place.";
        case Reason::kBackupNotReady:
            return "Wait until the Neo4jBackup has succeeded, or name another one.";
        case Reason::kTargetNotReady:
            return "Give the restore a PersistentVolumeClaim of its own.";
        case Reason::kTargetInUse:
            return "Stop the server that uses the claim: scale it down, or delete the pod.";
        case Reason::kRecoveryServerMissing:
            return "Let an administrator set spec.server of the Neo4jBackupSource, or restore with spec.recovery: "
                   "None and recover by hand (docs/restore.md).";
        case Reason::kRecoveryFailed:
            return "Read the log of the pod's container server; spec.server.image of the source must be of the version "
                   "that wrote the database.";
        case Reason::kObjectTooLarge:
            return "Make the object smaller: look for large annotations.";
        case Reason::kStatusRefused:
            return "The installed definitions may be of another version than the operator.";
        case Reason::kObjectUnreadable:
            return "Correct the field that the message names; the installed definitions may be of another version.";
        case Reason::kStorageNotFound:
            return "Create the Neo4jBackupStorage that spec.storageRef names.";
        case Reason::kStorageNotReady:
            return "Create the claim that the Neo4jBackupStorage names.";
        case Reason::kVolumeNotMountable:
            return "kubectl describe the claim and its volume.";
        case Reason::kCredentialsNotFound:
            return "Create the Secret, ConfigMap or key that spec.connection.tls of the source or spec.s3 of the "
                   "storage "
                   "names.";
        case Reason::kImageNotPullable:
            return "Check the image that the message names, the runner's in the operator's configuration or the "
                   "server's in "
                   "spec.server.image of the source, and the node's access to it.";
        case Reason::kUnschedulable:
            return "Check node selectors, taints, free resources and the claim's zone.";
        case Reason::kPodRejected:
            return "Check quotas, pod security and admission of the namespace.";
        case Reason::kJobDeleted:
        case Reason::kEvicted:
        case Reason::kPodLost:
            return "Nothing half-written counts; another attempt starts from the beginning.";
        case Reason::kCancelled:
            return "Nothing half-written counts.";
        case Reason::kServiceHasNoEndpoints:
            return "Check spec.service of the source: its name, the port's name, and whether its pods are ready.";
        case Reason::kJobConflict:
            return "The next attempt has another name; find out who made that Job.";
        case Reason::kClaimNotFound:
            return "Create the claim in the storage's namespace.";
        case Reason::kClaimNotBound:
        case Reason::kClaimLost:
            return "kubectl describe the claim.";
        case Reason::kClaimTerminating:
            return "Create a new claim of that name once the old one is gone.";
        case Reason::kStartTimeout:
        case Reason::kNoReport:
        case Reason::kInternalError:
            return "kubectl describe the Job and its pod, and read its log.";
        case Reason::kScheduleInvalid:
            return "Mend what the message names; neo4j-backup-operator explain \"CRON\" --time-zone ZONE shows when a "
                   "line is due.";
        case Reason::kRunMissed:
            return "Find out what held it up; with concurrencyPolicy Queue a backup waits for the one before.";
        case Reason::kStale:
            return "Look why the last backups failed, or why none was due: kubectl describe the schedule.";
        case Reason::kSuspended:
            return "Set spec.suspend to false to go on.";
        case Reason::kCompleted:
        case Reason::kArtifactNotFound:
        case Reason::kPending:
        case Reason::kQueued:
        case Reason::kRunning:
        case Reason::kRetrying:
        case Reason::kReady:
        case Reason::kExclusiveCreateHeld:
        case Reason::kExclusiveCreateIgnored:
        case Reason::kExclusiveCreateRefused:
        case Reason::kVerified:
        case Reason::kNotVerified:
        case Reason::kClearText:
        case Reason::kClientCertificateDemanded:
        case Reason::kNoClientCertificateDemanded:
        case Reason::kCertificateExpiresSoon:
            return "";
    }
    return "";
}

std::string with_advice(base::Reason reason, const std::string& message) {
    const auto what_to_do = advice(reason);
    if (what_to_do.empty()) return message;
    return fmt::format("{}{} {}", message, message.ends_with('.') ? "" : ".", what_to_do);
}

}  // namespace n4b::api
