#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/reason.hpp"
#include "common/base/result.hpp"

namespace n4b::contract {

/// The limit of a termination message, in bytes; longer ones are cut by the kubelet, so ours never is longer.
inline constexpr std::size_t kMaxRunReportBytes = 4096;

/// What a cluster member is, as it answered.
enum class MemberRole { kUnknown, kCore, kReadReplica };

/// The server a copy came from.
struct SourceReport {
    std::string address{};              ///< "10.1.2.3:6362"
    std::string store_id{};             ///< 64 hexadecimal digits, as four big-endian numbers.
    std::int64_t last_transaction = 0;  ///< The last it had committed when it was chosen.
    std::string member{};               ///< Its pod or host name; empty: unknown.
    MemberRole role = MemberRole::kUnknown;
    std::optional<std::int64_t> newest_known_transaction{};  ///< Of all members; absent when nobody else answered.
    std::optional<std::int64_t> lag{};                       ///< Transactions behind that; absent: unknown.
    std::string choice{};                                    ///< Why this one, in a sentence.
    std::optional<std::chrono::milliseconds> prepare{};      ///< From the request to prepare to the end of its answer.
    /// The part of it in which files flowed, while the server held its checkpoint lock.
    std::optional<std::chrono::milliseconds> checkpoint_lock{};
    bool operator==(const SourceReport&) const = default;
};

/// A server that was not used although it might have been.
struct PassedOver {
    std::string address{};
    std::string member{};
    base::Reason reason = base::Reason::kInternalError;
    std::string message{};
    bool operator==(const PassedOver&) const = default;
};

/// The TLS session in which a copy was made.
struct TlsReport {
    std::string version{};                                  ///< "TLSv1.3"
    std::string cipher{};                                   ///< "TLS_AES_256_GCM_SHA384"
    std::string verification{};                             ///< As asked for: "Full", "Chain" or "None".
    bool client_certificate_requested = false;              ///< The source asked for one.
    std::optional<base::SystemTime> certificate_expires{};  ///< notAfter of ours; absent without one.
    std::optional<base::SystemTime> server_certificate_expires{};
    bool operator==(const TlsReport&) const = default;
};

/// A finished artifact, as its head tells.
struct ArtifactReport {
    std::string database;
    std::string chain;  ///< e.g. 20261122T215049Z-3f9c21
    std::int64_t sequence = 0;
    std::string artifact;  ///< Name of the head without ".json".
    std::string location;  ///< Path of the head below the repository.
    std::string kind = "Full";
    std::int64_t lowest_transaction = 0;
    std::int64_t highest_transaction = 0;
    std::int64_t earliest_restorable = 0;              ///< H of the full (transaction id).
    std::optional<base::SystemTime> recoverable_to{};  ///< Commit time of the newest transaction; absent: unknown.
    /// When the source had committed no more than that, by the storage's clock; absent: the source's lag was unknown or
    /// too large.
    std::optional<base::SystemTime> current_at{};
    std::int64_t files = 0;
    std::int64_t bytes = 0;         ///< Plain.
    std::int64_t stored_bytes = 0;  ///< As stored.
    /// Of the chain up to it, as stored; 0: unknown.
    std::int64_t chain_stored_bytes = 0;
    /// The first time that its chain can be restored to; of fulls only.
    std::optional<base::SystemTime> restorable_from{};
    std::string digest{};                           ///< "sha256:" and hex, of the head.
    std::string level = "Written";                  ///< How far it was looked at; see VerifyLevel.
    std::optional<base::SystemTime> verified_at{};  ///< When it was, by the storage's clock; absent: unknown.
    bool operator==(const ArtifactReport&) const = default;
};

/// How one member of a source answered a probe.
struct MemberReport {
    std::string address{};  ///< "10.1.2.3:6362" or "[fd00::1]:6362"; the host as it was given when it has no address.
    std::string member{};   ///< Its pod or host name; empty: unknown.
    MemberRole role = MemberRole::kUnknown;
    std::string store_id{};                          ///< 64 hexadecimal digits; empty: it did not say.
    std::int64_t last_transaction = 0;               ///< The last it has committed; 0 when it did not say.
    std::optional<std::int64_t> lag{};               ///< Transactions behind the newest member; absent: unknown.
    std::optional<TlsReport> tls{};                  ///< Absent in clear text, and when no session came about.
    base::Reason reason = base::Reason::kCompleted;  ///< kCompleted: it answered.
    std::string message{};                           ///< Why it did not answer, for a person; cut to fit.
    bool operator==(const MemberReport&) const = default;
};

/// What happens to the second of two that create an object of one key.
enum class ExclusiveCreate {
    kHeld,     ///< It is refused.
    kIgnored,  ///< It replaces the first one's object.
    kRefused,  ///< The storage takes no conditional writes at all.
};

/// What a storage can do, and how much room it has.
struct StorageReport {
    ExclusiveCreate exclusive_create = ExclusiveCreate::kHeld;
    bool keeps_versions = false;               ///< What is deleted can still be had, and takes room.
    bool locks_by_itself = false;              ///< What is stored can't be deleted for some time, without being asked.
    std::chrono::milliseconds clock_offset{};  ///< The storage's clock less the runner's.
    std::optional<std::int64_t> free_bytes{};  ///< Absent: the storage has no such figure.
    std::optional<std::int64_t> total_bytes{};
    bool operator==(const StorageReport&) const = default;
};

/// What a look at a storage found of backups there. The chains themselves are served on the runner's port until
/// somebody has them all.
struct CatalogueReport {
    std::int64_t chains = 0;
    std::int64_t artifacts = 0;  ///< Heads, those included that can't be read.
    std::int64_t left_out = 0;   ///< Chains beyond kMostChains, which are not served.
    std::int64_t pages = 0;
    std::string digest{};  ///< catalogue_digest() of the pages.
    bool operator==(const CatalogueReport&) const = default;
};

/// What a backup removed of earlier ones that can't finish any more.
struct CleanedReport {
    std::int64_t artifacts = 0;
    std::int64_t bytes = 0;
    bool operator==(const CleanedReport&) const = default;
};

/// A backup that found nothing new: the artifact that holds all there is.
struct UpToDateReport {
    std::string chain{};
    std::string artifact{};  ///< Name of the head without ".json".
    std::int64_t transaction = 0;
    std::optional<base::SystemTime> recoverable_to{};  ///< That of the artifact named.
    std::optional<base::SystemTime> current_at{};      ///< When this run asked; absent as in ArtifactReport.
    bool operator==(const UpToDateReport&) const = default;
};

/// What a restore wrote.
struct RestoredReport {
    std::string chain{};
    std::string artifact{};        ///< The last one that was needed: name of the head without ".json".
    std::int64_t artifacts = 1;    ///< How many of the chain were needed.
    std::int64_t transaction = 0;  ///< The last one that was restored.
    std::optional<base::SystemTime> recoverable_to{};  ///< Its commit time; absent: unknown.
    std::int64_t files = 0;
    std::int64_t bytes = 0;
    bool operator==(const RestoredReport&) const = default;
};

/// Why a full was made where an increment was wanted.
struct UnexpectedFull {
    base::Reason reason = base::Reason::kInternalError;
    std::string message{};  ///< For a person; cut to fit.
    bool operator==(const UnexpectedFull&) const = default;
};

/// What a prune did with a chain, or would do.
enum class ChainFate {
    kStays,    ///< `why` tells which rule keeps it.
    kGoes,     ///< By the rules nothing keeps it. It goes once it was announced.
    kRemoved,  ///< Nothing is left of it.
    kWaiting,  ///< It is closed, and goes when nobody can write to it any more.
    kHeld,     ///< Somebody holds it.
    kLocked,   ///< The storage keeps an object of it locked for now.
    kFailed,   ///< It could not be removed; `why` is the reason.
};

struct PrunedReport {
    std::string chain{};
    ChainFate fate = ChainFate::kStays;
    std::string why{};  ///< A word: the rule that keeps it ("Newest"), or the reason of a failure.
    std::int64_t stored_bytes = 0;
    bool operator==(const PrunedReport&) const = default;
};

/// What a prune planned or did for one source and database.
struct PruneReport {
    std::vector<PrunedReport> chains{};  ///< Those that don't stay first, the oldest first; then those that stay.
    std::int64_t left_out = 0;           ///< How many more chains stay than are named; see to_json().
    std::int64_t stays = 0;
    std::int64_t goes = 0;        ///< Those that no rule keeps and that are still there, announced or not.
    std::int64_t bytes = 0;       ///< Of a plan: what those take that go. Else: what was removed.
    std::int64_t going_on = 0;    ///< Removals that were begun before, by any run, and are not at their end.
    bool keeps_versions = false;  ///< What was removed still takes room, until the bucket removes old versions.
    std::optional<base::SystemTime> wait_until{};  ///< When the last of those that wait can go.
    bool operator==(const PruneReport&) const = default;
};

/// How one run of the runner ended.
struct RunReport {
    base::Reason reason = base::Reason::kInternalError;
    std::string message{};  ///< For a person; cut to fit.
    std::string run_uid{};
    std::int64_t attempt = 0;
    bool adopted = false;  ///< The artifact was found finished, not copied by this process.
    std::optional<SourceReport> source{};
    std::optional<TlsReport> tls{};  ///< Absent in clear text, and when nothing was copied.
    std::optional<ArtifactReport> artifact{};
    std::optional<UpToDateReport> up_to_date{};       ///< In place of an artifact, of a backup that made none.
    std::optional<UnexpectedFull> unexpected_full{};  ///< Beside the artifact, or what kept the full from being made.
    std::optional<RestoredReport> restored{};         ///< Of a restore only.
    std::string repository{};                         ///< Id of the one that was used, or could be; empty: none.
    std::optional<StorageReport> storage{};      ///< Of a storage that was checked only, where nothing failed about it.
    std::optional<CatalogueReport> catalogue{};  ///< Beside `storage`; absent: its backups could not be listed.
    std::optional<CleanedReport> cleaned{};      ///< Absent: there was nothing to remove.
    std::optional<PruneReport> prune{};          ///< Of a prune only.
    std::vector<PassedOver> passed_over{};       ///< In the order they were given up; the first few.
    std::vector<MemberReport> members{};         ///< Of a probe only: every member named, in that order.
    std::int64_t members_left_out = 0;           ///< How many more there were that did not fit.
    bool operator==(const RunReport&) const = default;
};

/// At most kMaxRunReportBytes. Passed-over sources beyond the eighth are left out, and the messages of sources and
/// members are cut to 160 bytes. What still does not fit goes in this order: the last of the passed-over sources, the
/// messages of members bit by bit, the last of the members (members_left_out counts them), the last of a prune's chains
/// (its left_out counts them), the end of the message. kMostPruned chains always fit.
///
/// So that sixteen members with certificates fit, what they share stands once, and members name it by its place:
///
///     "probe":{"storeIds":[...], "tls":[{version, cipher, verification, clientCertificateRequested,
///     certificateExpires}],
///              "members":[{address, member, role, storeId:0, lastTransaction, lag, tls:0, serverCertificateExpires,
///                          reason (absent: Completed), message}], "leftOut":0}
///
/// What a backup removed is told as "cleaned":{artifacts, bytes}; that there was nothing new, as
/// "upToDate":{chain, artifact, transaction, recoverableTo, currentAt}; and why it is no increment, as
/// "unexpectedFull":{reason, message}.
///
/// A restore tells as "restored":{chain, artifact, artifacts, transaction, recoverableTo, files, bytes}.
///
/// A storage is told as
///
///     "storage":{exclusiveCreate, keepsVersions, locksByItself, clockOffsetMs, freeBytes, totalBytes}
///
/// and its backups as "catalogue":{chains, artifacts, leftOut, pages, digest}.
///
/// A prune tells as "prune":{"chains":[{chain, fate, why, storedBytes}], leftOut, stays, goes, bytes, goingOn,
/// keepsVersions, waitUntil}.
std::string to_json(const RunReport& report);

/// "Held", "Ignored" or "Refused".
std::string_view to_string(ExclusiveCreate exclusive);

/// "Stays", "Goes", "Removed", "Waiting", "Held", "Locked" or "Failed".
std::string_view to_string(ChainFate fate);
std::optional<ChainFate> parse_chain_fate(std::string_view name);

std::string_view to_string(MemberRole role);
/// kUnknown for a name outside the list.
MemberRole parse_member_role(std::string_view name);

/// Reads a report; unknown fields are ignored, unknown reasons and wrong types are Invalid.
base::Result<RunReport> parse_run_report(std::string_view json);

}  // namespace n4b::contract
