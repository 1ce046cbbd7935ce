#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::contract {

/// The environment variable that carries the RunSpec, and its limit in bytes.
inline constexpr char kRunSpecVariable[] = "N4B_RUN_SPEC";
inline constexpr std::size_t kMaxRunSpecBytes = 64 * 1024;
inline constexpr std::int64_t kRunSpecVersion = 2;

/// What a runner is to do: copy a database; find the artifact that an earlier attempt of the run finished; ask every
/// member of a source how it stands, without changing anything there; try once on a storage what backups do to it, and
/// list the backups there; write a database directory from what is stored; plan which chains of a schedule go by its
/// rules, and remove those.
enum class Command { kBackup, kLookUp, kProbe, kCheckStorage, kRestore, kPrune };
enum class Compression { kNone, kZstd };
/// What a backup makes: all of the database; what was committed since the last backup; or that where it is possible.
enum class BackupType { kFull, kIncremental, kAuto };
/// What becomes of a backup that can't go on from the last one.
enum class WhenImpossible { kFull, kFail };
/// How many artifacts a chain may have, its full included, unless another number is asked for.
inline constexpr std::int64_t kUsualChainLength = 1000;
inline constexpr std::int64_t kMaxChainLength = 4096;
/// How far a backup is looked at before it counts as done; each level is all of the one before and more.
enum class VerifyLevel {
    kWritten,   ///< By a listing, all of it is there.
    kChecksum,  ///< All of it was read back: every block has its digest, and is what can be restored.
    kChain,     ///< So was all that it goes on from, and no transaction is missing from the full to its end.
};
/// Which members may be copied from: read replicas only; read replicas first; the first in order that answers.
enum class SourcePolicy { kReplicaOnly, kPreferReplica, kAny };

/// The least a bandwidth limit can be, in bytes per second: below, a copy would never end.
inline constexpr std::int64_t kMinBandwidth = 64 * 1024;
inline constexpr std::int64_t kMaxBandwidth = std::int64_t{1} << 40;

/// A server to copy from; host is a DNS name or an address, IPv6 without brackets.
struct Endpoint {
    std::string host;
    std::uint16_t port = 6362;
    std::string member{};  ///< The server's pod, the same for all its addresses; empty: unknown.
    bool operator==(const Endpoint&) const = default;
};

/// Who asked: makes a finished artifact findable by the run that made it.
struct RunIdentity {
    std::string uid;  ///< Uid of the Neo4jBackup, or a random one by hand; [0-9a-z-], at most 64.
    std::string object_namespace{};
    std::string name{};
    std::int64_t attempt = 1;
    std::string
        cluster{};  ///< The Kubernetes cluster's identity, of the characters of a uid; empty: unknown, or by hand.
    /// Name of the Neo4jBackupSchedule that wants it, in object_namespace; empty: none. A backup's artifacts bear it,
    /// and a prune removes only chains whose full bears it.
    std::string schedule{};
    bool operator==(const RunIdentity&) const = default;
};

struct RunTimeouts {
    std::chrono::milliseconds connect = std::chrono::seconds(10);
    std::chrono::milliseconds prepare = std::chrono::minutes(30);  ///< The server's checkpoint, silent on the wire.
    std::chrono::milliseconds stall = std::chrono::minutes(10);    ///< No byte once bytes have flowed.
    bool operator==(const RunTimeouts&) const = default;
};

/// How the source's certificate is verified.
enum class TlsVerification {
    kFull,   ///< It leads to a trusted one and bears the expected name.
    kChain,  ///< It leads to a trusted one.
    kNone,   ///< Any is taken.
};

/// How to speak TLS to the source: paths as the runner sees them, never secrets.
struct TlsSpec {
    std::string directory{};           ///< Certificate, key, trusted and revoked ones; empty: no client certificate.
    std::vector<std::string> trust{};  ///< Files with further trusted certificates; at most 8.
    TlsVerification verification = TlsVerification::kFull;
    std::string server_name{};  ///< For kFull; empty: the endpoint's host.
    bool operator==(const TlsSpec&) const = default;
};

/// What requests to a bucket are signed with.
enum class S3CredentialsFrom {
    kAutomatic,         ///< credentials_dir where there is one, else the only one that the environment names.
    kWebIdentity,       ///< A session that a token service gives for a token.
    kPodIdentity,       ///< A session from the agent that the environment names, as with EKS Pod Identity.
    kInstanceMetadata,  ///< The role of the machine.
};

/// A role that is assumed with a token; what is empty comes from the environment, or is left out.
struct WebIdentity {
    std::string role_arn{};
    std::string token_file{};  ///< Its path as the runner sees it.
    std::string
        sts_endpoint{};  ///< https://HOST[:PORT]; empty: Amazon's of the region, elsewhere the bucket's endpoint.
    bool operator==(const WebIdentity&) const = default;
};

/// The way to a bucket, in place of what HTTPS_PROXY and its like say.
struct ProxySpec {
    std::string url{};              ///< http://HOST[:PORT], without user and password.
    std::string no_proxy{};         ///< Hosts that are reached without it, as curl takes them.
    std::string credentials_dir{};  ///< Files `username` and `password`; empty: it demands none.
    bool operator==(const ProxySpec&) const = default;
};

enum class LockMode {
    kGovernance,  ///< Who has the permission may end it sooner.
    kCompliance,  ///< Nobody may.
};

/// For how long what is stored can't be deleted (S3 Object Lock).
struct ObjectLock {
    LockMode mode = LockMode::kGovernance;
    std::int64_t days = 1;  ///< 1 to 36500.
    bool operator==(const ObjectLock&) const = default;
};

/// A bucket that speaks S3, and how it is reached: paths as the runner sees them, never secrets. What it means, and
/// whether it can be right, is the store's business; here only lengths are bounded.
struct S3Location {
    std::string endpoint{};  ///< https://HOST[:PORT]; empty: Amazon's endpoint of the region.
    std::string bucket{};
    std::string region{};              ///< May be empty beside an endpoint.
    std::string prefix{};              ///< Below which everything lies; empty: the bucket's root.
    std::optional<bool> path_style{};  ///< Whether the bucket stands in the path; nothing: as the endpoint suggests.
    bool allow_insecure = false;       ///< Lets an endpoint be http://.
    std::string encryption{};          ///< Asked for with every object: "AES256" or "aws:kms"; empty: none.
    std::string kms_key_id{};          ///< With aws:kms; empty: the account's own key.
    std::string ca_file{};             ///< Trusted certificates; empty: the system's.
    S3CredentialsFrom credentials_from = S3CredentialsFrom::kAutomatic;
    std::string credentials_dir{};     ///< Files with keys; with kAutomatic only.
    WebIdentity web_identity{};        ///< With kWebIdentity only.
    std::optional<ProxySpec> proxy{};  ///< Nothing: what the environment says.
    std::optional<ObjectLock> lock{};  ///< Nothing: what the bucket does by itself.
    bool operator==(const S3Location&) const = default;
};

/// Up to where a restore goes, and into which directories as the runner sees them.
struct RestoreSpec {
    std::string chain{};  ///< Empty: the newest one.
    /// At most one of the three is set; none: all that the chain holds.
    std::optional<std::int64_t> transaction{};         ///< The last one that is restored.
    std::optional<std::int64_t> before_transaction{};  ///< The first one that is not.
    std::optional<base::SystemTime> before_time{};     ///< Nothing that was committed then or later.
    std::string directory{};
    std::string log_directory{};  ///< Of the transaction log; empty: the same.
    bool operator==(const RestoreSpec&) const = default;
};

/// Which chains of a schedule stay: all that one of the rules wants. No rule at all keeps all.
struct KeepSpec {
    std::int64_t last = 0;                         ///< The newest chains; like the other numbers at most kMostKept.
    std::optional<std::chrono::seconds> within{};  ///< What is needed to restore to any time from so long ago on.
    std::int64_t daily = 0;                        ///< The newest chain of each of so many days that have one.
    std::int64_t weekly = 0;
    std::int64_t monthly = 0;
    std::int64_t yearly = 0;
    std::int64_t minimum_chains = 1;  ///< Never fewer.
    std::string time_zone = "UTC";    ///< In which days begin: a name of the IANA database.
    bool operator==(const KeepSpec&) const = default;
};
inline constexpr std::int64_t kMostKept = 10'000;
inline constexpr std::chrono::hours kLongestKept{24 * 366 * 100};

/// How many chains one prune removes at most. They are named one by one in the report and before that in the
/// schedule's status, and both have little room.
inline constexpr std::size_t kMostPruned = 16;

struct PruneSpec {
    KeepSpec keep{};
    /// The chains that may go, as an earlier plan has told them; each goes only where the rules still let it go.
    /// Nothing: the plan is made and told, and nothing is removed.
    std::optional<std::vector<std::string>> chains{};
    bool operator==(const PruneSpec&) const = default;
};

/// What the operator tells the runner. Never holds secrets. Its JSON form is an envelope that each command fills with
/// its own parts:
///
///     {"schemaVersion":2, "command":"Backup", "run":{uid, namespace, name, attempt, cluster, schedule},
///      "durationMs", "httpPort",
///      "storage":{path, repository, initialize, newRepository}, or in place of path
///                s3:{endpoint, bucket, region, prefix, pathStyle, allowInsecure, encryption, kmsKeyId, caFile,
///                    credentialsDir, or in place of it one of webIdentity:{roleArn, tokenFile, stsEndpoint},
///                    podIdentity:{} and instanceMetadata:{};
///                    proxy:{url, noProxy, credentialsDir}, objectLock:{mode, days}},
///      "source":{name, endpoints, policy, maxLag, tls},
///      "backup":{database, type, onIncrementalImpossible, maxChainLength, compression, verify, connections,
///                bandwidthLimit},
///      "restore":{database, chain, transaction, beforeTransaction, beforeTime, directory, logDirectory},
///      "prune":{database, chains,
///               keep:{last, withinSeconds, daily, weekly, monthly, yearly, minimumChains, timeZone}},
///      "timeouts":{connectMs, prepareMs, stallMs}}
///
/// | command      | source          | storage | backup           | restore | prune   | timeouts |
/// | ------------ | --------------- | ------- | ---------------- | ------- | ------- | -------- |
/// | Backup       | name, endpoints | needed  | needed           | refused | refused | may be   |
/// | LookUp       | name            | needed  | database, verify | refused | refused | refused  |
/// | Probe        | endpoints       | refused | refused          | refused | refused | may be   |
/// | CheckStorage | refused         | needed  | refused          | refused | refused | refused  |
/// | Restore      | name            | needed  | refused          | needed  | refused | refused  |
/// | Prune        | name            | needed  | refused          | refused | needed  | refused  |
///
/// Of each part that is needed at least the database must be told; of a restore its directory, and of a prune `keep`.
/// A prune also needs run.schedule and run.namespace.
///
/// A backup and a restore serve their progress at httpPort, a look at a storage the chains that it found there.
struct RunSpec {
    Command command = Command::kBackup;
    RunIdentity run{};
    std::string source{};               ///< Identity of the database cluster in the storage.
    std::vector<Endpoint> endpoints{};  ///< In the order they are tried; at least one, unless it is kLookUp.
    std::optional<TlsSpec> tls{};       ///< Nothing: clear text.
    SourcePolicy policy = SourcePolicy::kPreferReplica;
    std::optional<std::int64_t> max_lag{};  ///< Transactions behind the newest known member; nothing: any.
    std::string database{};
    /// The repository's directory as the runner sees it; empty: the storage is storage_s3.
    std::string storage_path{};
    std::optional<S3Location> storage_s3{};  ///< Set exactly when the storage is a bucket.
    std::string repository{};                ///< Id of the repository that must be there; empty: any.
    bool initialize = false;                 ///< Whether an empty place becomes a repository.
    /// Its id then; empty: a random one. Of two who make it at once on a store that ignores conditional writes, the
    /// later replaces the earlier one's file: both are right only when they write the same.
    std::string new_repository{};
    BackupType type = BackupType::kFull;
    WhenImpossible when_impossible = WhenImpossible::kFull;
    std::int64_t max_chain_length =
        kUsualChainLength;  ///< 1 to kMaxChainLength; a chain of that length is not extended.
    Compression compression = Compression::kZstd;
    VerifyLevel verify = VerifyLevel::kWritten;  ///< What a backup must reach to succeed.
    std::int64_t connections = 2;                ///< 1 to 8.
    /// How long this process may take, counted from its own start by a clock that nobody sets: the clocks of operator,
    /// node and storage differ. No head is created after it. At most 366 days; nothing: no limit.
    std::optional<std::chrono::milliseconds> duration{};
    RestoreSpec restore{};  ///< Of kRestore.
    PruneSpec prune{};      ///< Of kPrune.
    RunTimeouts timeouts{};
    std::int64_t bandwidth_limit = 0;  ///< Bytes per second over all connections; 0: none.
    std::uint16_t http_port = 0;       ///< /progress, /catalogue and /healthz; 0: none.
    bool operator==(const RunSpec&) const = default;
};

/// Reads a RunSpec strictly: unknown fields, parts of another command, other schema versions, wrong types and
/// out-of-range values are Invalid with the path of the field.
base::Result<RunSpec> parse_run_spec(std::string_view json);

/// The JSON form, one line, with the parts of its command only.
std::string to_json(const RunSpec& spec);

/// "Backup", "LookUp", "Probe", "CheckStorage", "Restore" or "Prune".
std::string_view to_string(Command command);

std::string_view to_string(Compression compression);

/// "Written", "Checksum" or "Chain".
std::string_view to_string(VerifyLevel level);
std::optional<VerifyLevel> parse_verify_level(std::string_view name);

/// "Full", "Incremental" or "Auto".
std::string_view to_string(BackupType type);
std::optional<BackupType> parse_backup_type(std::string_view name);

/// "Full" or "Fail".
std::string_view to_string(WhenImpossible when);
std::optional<WhenImpossible> parse_when_impossible(std::string_view name);

/// "ReplicaOnly", "PreferReplica", "Any", as in JSON and in the API.
std::string_view to_string(SourcePolicy policy);
std::optional<SourcePolicy> parse_source_policy(std::string_view name);

/// "Governance" or "Compliance".
std::string_view to_string(LockMode mode);
std::optional<LockMode> parse_lock_mode(std::string_view name);

/// The days for which an object may be locked; Amazon's limit.
inline constexpr std::int64_t kMaxLockDays = 36500;

/// "Full", "Chain" or "None".
std::string_view to_string(TlsVerification verification);
std::optional<TlsVerification> parse_tls_verification(std::string_view name);

/// True for a run's uid or a repository's id: 1 to 64 of [0-9a-z-].
bool is_uid(std::string_view text);

/// True for a name that may become one path component of the storage: 1 to 128 of [A-Za-z0-9._-], not starting with
/// '.'.
bool is_storage_name(std::string_view name);

}  // namespace n4b::contract
