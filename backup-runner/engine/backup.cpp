#include "backup-runner/engine/backup.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/source_choice.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "backup-runner/engine/store_copy.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// A source that answered, with the connection that proved it.
struct Found {
    CopySource source;
    std::unique_ptr<catchup::Session> session;
};

class Backup {
public:
    Backup(const contract::RunSpec& spec, const BackupEnvironment& environment, std::stop_token stop)
        : spec_(spec),
          environment_(environment),
          stop_(std::move(stop)),
          deadline_(deadline_of(spec, environment.started)),
          limit_(spec.bandwidth_limit, environment.clock) {}

    contract::RunReport run();

private:
    Result<void> work(contract::RunReport& report);
    Result<void> look_at_sources();
    Result<void> observe();
    Result<Artifact> copy_from_the_best(contract::RunReport& report);
    Result<Artifact> copy_from(const Candidate& candidate, contract::RunReport& report);
    void note_security(contract::RunReport& report, const net::Security* security);
    Result<std::unique_ptr<ArtifactWriter>> begin_artifact();
    Result<Artifact> write_artifact(Found found, ArtifactWriter& artifact, contract::SourceReport& told);
    Result<Artifact> publish(const archive::Head& head, const ArtifactWriter& artifact);
    Result<void> check_publication(const std::string& closed);
    Result<void> check_open(const std::string& closed);
    [[nodiscard]] std::string intent() const;
    [[nodiscard]] Result<void> check_deadline() const;

    const contract::RunSpec& spec_;
    const BackupEnvironment& environment_;
    const std::stop_token stop_;
    const base::Deadline deadline_;
    std::string certificate_warning_{};
    base::SystemTime start_{};
    std::string chain_{};
    archive::ArtifactName name_{};
    BandwidthLimit limit_;
    SourceWish wish_{};
    std::vector<Candidate> candidates_{};
};

void tell_failure(contract::RunReport& report, const base::Error& error) {
    report.reason = error.reason.value_or(Reason::kInternalError);
    report.message = error.message;
}

contract::RunReport new_report(const contract::RunSpec& spec) {
    contract::RunReport report;
    report.run_uid = spec.run.uid;
    report.attempt = spec.run.attempt;
    return report;
}

void tell_success(contract::RunReport& report, const Artifact& artifact) {
    report.reason = Reason::kCompleted;
    report.artifact = report_of(artifact);
    report.source = {.address = artifact.head.address,
                     .store_id = artifact.head.store_id,
                     .last_transaction = artifact.head.highest.id,
                     .member = artifact.head.member,
                     .role = contract::parse_member_role(artifact.head.role)};
    report.message =
        fmt::format("{} transactions up to {}, {} files, {} bytes, {} stored", artifact.head.kind,
                    artifact.head.highest.id, artifact.head.files, artifact.head.bytes, artifact.head.stored_bytes);
}

std::string role_of(contract::MemberRole role) {
    return role == contract::MemberRole::kUnknown ? std::string() : std::string(to_string(role));
}

contract::SourceReport report_of(const Candidate& candidate, const Choice& choice) {
    return {.address = net::to_string(candidate.address),
            .store_id = candidate.store_id,
            .last_transaction = candidate.last_transaction,
            .member = candidate.member,
            .role = candidate.role,
            .newest_known_transaction = choice.newest_known,
            .lag = choice.lag,
            .choice = choice.why};
}

/// Whether another source may do better: the error is the source's, not the storage's or our own.
bool ends_only_the_copy(const base::Error& error) {
    switch (error.reason.value_or(Reason::kInternalError)) {
        case Reason::kSourceUnreachable:
        case Reason::kNotCatchupServer:
        case Reason::kSourceConnectionLost:
        case Reason::kSourceStalled:
        case Reason::kSourceRefused:
        case Reason::kSourceProtocolError:
        case Reason::kSourceLogPruned:
        case Reason::kSourceBehind:
        case Reason::kCopyInconsistent:
        // A certificate can change or expire while a copy runs.
        case Reason::kSourceRequiresTls:
        case Reason::kSourceSpeaksClearText:
        case Reason::kTlsClientCertificateRequired:
        case Reason::kTlsClientCertificateRejected:
        case Reason::kTlsNoCommonVersion:
        case Reason::kServerCertificateExpired:
        case Reason::kServerCertificateNotYetValid:
        case Reason::kServerCertificateUntrusted:
        case Reason::kServerCertificateRevoked:
        case Reason::kServerNameMismatch:
            return true;
        default:
            return false;
    }
}

contract::RunReport Backup::run() {
    start_ = environment_.clock.system_now();
    auto report = new_report(spec_);
    if (auto done = work(report); !done) tell_failure(report, done.error());
    return report;
}

Result<void> Backup::work(contract::RunReport& report) {
    N4B_TRY_VOID(open_repository(environment_.storage,
                                 fmt::format("{:08x}{:08x}", environment_.random(), environment_.random())));
    // What this very attempt seems to have finished was made by an earlier process with the same RunSpec, such as a
    // schedule's of yesterday. Whoever starts one wants a backup of now, so only other attempts' artifacts are adopted.
    // Of a chain that can't be listed the worst is a second copy.
    auto earlier = look_up(environment_.storage,
                           {.source = spec_.source,
                            .database = spec_.database,
                            .uid = spec_.run.uid,
                            .other_than_attempt = spec_.run.attempt},
                           warn_of_head);
    if (earlier) {
        tell_success(report, *earlier);
        report.adopted = true;
        return {};
    }
    if (earlier.error().reason != Reason::kArtifactNotFound) return base::fail(earlier.error());
    N4B_TRY_VOID(look_at_sources());
    N4B_TRY(const auto written, copy_from_the_best(report));
    const auto source = report.source;
    tell_success(report, written);
    report.source = source;
    report.message += certificate_warning_;
    return {};
}

Result<void> Backup::look_at_sources() {
    N4B_TRY(const auto newest, newest_artifact(environment_.storage, spec_.source, spec_.database));
    wish_ = {.policy = spec_.policy, .max_lag = spec_.max_lag};
    if (newest) {
        wish_.store_id = newest->head.store_id;
        wish_.earlier = fmt::format("{}/{} (chain {})", spec_.source, spec_.database, newest->head.chain);
    }
    return observe();
}

/// Copies from the best source; one that goes away, refuses or falls behind is given up with what it sent, and the next
/// best one starts clean. Each is tried once.
Result<Artifact> Backup::copy_from_the_best(contract::RunReport& report) {
    for (;;) {
        const auto choice = choose(candidates_, wish_);
        report.passed_over = passed_over(candidates_, wish_);
        // Servers that were not asked any more seem not to answer.
        if (!choice) N4B_TRY_VOID(check_deadline());
        if (!choice) return base::fail(choice.error());
        auto& candidate = candidates_[choice->candidate];
        report.source = report_of(candidate, *choice);
        auto copied = copy_from(candidate, report);
        if (copied || !ends_only_the_copy(copied.error()) || stop_.stop_requested()) return copied;
        candidate.tried = true;
        candidate.error = copied.error();
        N4B_TRY_VOID(check_deadline());
        N4B_TRY_VOID(observe());
    }
}

/// Who is behind, and who is there at all: found out anew for each copy, since one may take hours before it fails.
/// Those that were tried stay tried.
Result<void> Backup::observe() {
    auto seen = observe_candidates(spec_, environment_.dialer, deadline_, stop_);
    if (stop_.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
    for (auto& tried : candidates_) {
        if (!tried.tried) continue;
        const auto same = std::find_if(seen.begin(), seen.end(), [&](const Candidate& candidate) {
            return net::to_string(candidate.address) == net::to_string(tried.address);
        });
        if (same == seen.end()) {
            seen.push_back(std::move(tried));
        } else {
            same->tried = true;
            same->error = std::move(tried.error);
        }
    }
    candidates_ = std::move(seen);
    return {};
}

Result<Artifact> Backup::copy_from(const Candidate& candidate, contract::RunReport& report) {
    Found found{.source = {.address = candidate.address,
                           .host = candidate.host,
                           .family = candidate.family,
                           .store_id = {},
                           .options = session_options(spec_, deadline_),
                           .limit = limit_},
                .session = {}};
    auto& source = found.source;
    source.options.buffer_bytes = environment_.buffers.receive;
    N4B_TRY(found.session,
            catchup::Session::open(environment_.dialer, source.address, source.options, stop_, source.family));
    note_security(report, found.session->security());
    auto id = found.session->store_id();
    if (!id) return base::fail(id.error().wrap(net::to_string(source.address)));
    source.store_id = *id;
    if (const auto text = txlog::to_string(*id); text != candidate.store_id) {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceRefused,
                          fmt::format("{} changed its store id from {} to {} between two connections",
                                      net::to_string(source.address), candidate.store_id, text));
    }
    N4B_TRY(const auto artifact, begin_artifact());
    auto written = write_artifact(std::move(found), *artifact, *report.source);
    if (!written) {
        // After a failed publish() the head may exist all the same: then everything stays, and a look-up decides.
        const auto head = environment_.storage.exists(artifact->keys().head);
        if (head && !*head) artifact->discard();
    }
    return written;
}

void Backup::note_security(contract::RunReport& report, const net::Security* security) {
    if (security == nullptr) return;
    report.tls = tls_report(*security, spec_);
    // Whether it still lets us in is the server's to say.
    if (security->certificate_expires && *security->certificate_expires < start_) {
        certificate_warning_ =
            "; warning: our certificate expired on " + base::format_rfc3339(*security->certificate_expires);
    } else if (security->certificate_starts && *security->certificate_starts > start_) {
        certificate_warning_ =
            "; warning: our certificate is not valid before " + base::format_rfc3339(*security->certificate_starts);
    }
}

Result<std::unique_ptr<ArtifactWriter>> Backup::begin_artifact() {
    chain_ = archive::chain_name(start_, environment_.random());
    name_ = {.sequence = 0, .kind = "full", .run_uid = spec_.run.uid, .attempt = spec_.run.attempt};
    return ArtifactWriter::create(environment_.storage,
                                  archive::artifact_keys(spec_.source, spec_.database, chain_, name_), intent(),
                                  spec_.compression == contract::Compression::kZstd, environment_.buffers.write);
}

std::string Backup::intent() const {
    base::Json json{{"run", {{"uid", spec_.run.uid}, {"attempt", spec_.run.attempt}}},
                    {"origin", {{"namespace", spec_.run.object_namespace}, {"name", spec_.run.name}}},
                    {"start", base::format_rfc3339(start_)}};
    if (spec_.duration) {
        json["deadline"] = base::format_rfc3339(environment_.clock.system_now() + deadline_.left());
    }
    return json.dump(2, ' ', true, base::Json::error_handler_t::replace) + "\n";
}

Result<Artifact> Backup::write_artifact(Found found, ArtifactWriter& artifact, contract::SourceReport& told) {
    const auto source = found.source;
    N4B_TRY(const auto copy,
            copy_store(std::move(found.session), source, spec_.connections, artifact, environment_, stop_));
    told.prepare = copy.prepare;
    told.checkpoint_lock = copy.checkpoint_lock;
    N4B_TRY(const auto totals, artifact.seal());
    const archive::Head head{.source = spec_.source,
                             .database = spec_.database,
                             .chain = chain_,
                             .sequence = name_.sequence,
                             .run_uid = name_.run_uid,
                             .attempt = name_.attempt,
                             .origin_namespace = spec_.run.object_namespace,
                             .origin_name = spec_.run.name,
                             .address = net::to_string(source.address),
                             .member = told.member,
                             .role = role_of(told.role),
                             .store_id = txlog::to_string(source.store_id),
                             .store_version = copy.store_version,
                             .lowest = copy.lowest,
                             .highest = copy.highest,
                             .earliest_restorable = copy.highest,
                             .files = totals.files,
                             .bytes = totals.bytes,
                             .stored_bytes = totals.stored_bytes,
                             .objects = totals.objects,
                             .object_bytes = totals.object_bytes,
                             .encoding = spec_.compression == contract::Compression::kZstd ? "zstd" : "none",
                             .index = totals.index,
                             .runner_version = environment_.version,
                             .start = start_,
                             .end = environment_.clock.system_now()};
    return publish(head, artifact);
}

Result<Artifact> Backup::publish(const archive::Head& head, const ArtifactWriter& artifact) {
    const auto& keys = artifact.keys();
    auto& storage = environment_.storage;
    const auto temporary = fmt::format("{}/.{}", keys.heads, archive::to_string(name_));
    N4B_TRY_VOID(write_durably(storage, temporary, archive::to_json(head)));
    // Last: the storage may have hung in what came before, and somebody else be at work by now.
    if (auto allowed = check_publication(keys.closed); !allowed) {
        (void)storage.remove(temporary);
        return base::fail(allowed.error());
    }
    N4B_TRY_VOID(publish_durably(storage, temporary, keys.head));
    N4B_TRY_VOID(check_open(keys.closed));
    // What counts is what a reader finds, so the head is read back.
    return read_head(environment_.storage, spec_.source, spec_.database, chain_, name_);
}

/// Whether the head's name may appear.
Result<void> Backup::check_publication(const std::string& closed) {
    N4B_TRY_VOID(check_open(closed));
    if (stop_.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
    return check_deadline();
}

Result<void> Backup::check_open(const std::string& closed) {
    N4B_TRY(const bool is_closed, environment_.storage.exists(closed));
    if (!is_closed) return {};
    return base::fail(ErrorCode::kConflict, Reason::kArtifactConflict,
                      fmt::format("{}: the chain was closed while the backup ran", closed));
}

Result<void> Backup::check_deadline() const {
    if (!deadline_.passed()) return {};
    return base::fail(ErrorCode::kDeadline, Reason::kAttemptDeadlineExceeded,
                      "the deadline of this attempt has passed");
}

}  // namespace

contract::RunReport back_up(const contract::RunSpec& spec, const BackupEnvironment& environment, std::stop_token stop) {
    return Backup(spec, environment, std::move(stop)).run();
}

contract::RunReport look_up_run(const contract::RunSpec& spec, storage::Storage& storage) {
    auto report = new_report(spec);
    std::optional<base::Error> failure;
    auto artifact = look_up(storage, {.source = spec.source, .database = spec.database, .uid = spec.run.uid},
                            [&](const FoundHead& chain) {
                                if (!failure) failure = chain.artifact.error();
                            });
    // It may lie in a chain that could not be listed.
    if (!artifact && artifact.error().reason == Reason::kArtifactNotFound && failure) artifact = base::fail(*failure);
    if (artifact) {
        tell_success(report, *artifact);
        report.adopted = true;
    } else {
        tell_failure(report, artifact.error());
    }
    return report;
}

}  // namespace n4b::engine
