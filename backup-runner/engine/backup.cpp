#include "backup-runner/engine/backup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/artifact_removal.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/chain_tip.hpp"
#include "backup-runner/engine/clean_up.hpp"
#include "backup-runner/engine/copied_neostore.hpp"
#include "backup-runner/engine/head_list.hpp"
#include "backup-runner/engine/increment.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/engine/source_choice.hpp"
#include "backup-runner/engine/source_line.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "backup-runner/engine/store_copy.hpp"
#include "backup-runner/engine/wanted_level.hpp"
#include "backup-runner/format/chain_link.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;

/// From so many blocks on a bucket lists an artifact on more than one page.
constexpr std::int64_t kBlocksOfOnePage = 990;
/// How long a backup may take for which nobody says so: an intent without an end would keep what a dead backup left for
/// ever.
constexpr std::chrono::hours kLongest{30 * 24};
/// How long it may take to remove what a failed backup wrote: a pod that is told to end is killed after 30 seconds, and
/// must have told its report by then.
constexpr std::chrono::seconds kDiscardTime{20};
/// How long a finished backup may take to be marked as such.
constexpr std::chrono::seconds kMarkTime{30};
/// How long a backup puts up with removing what others left, and which part of its own time it gives for that.
constexpr std::chrono::seconds kCleanUpTime{60};
constexpr int kCleanUpPart = 10;
/// How often an increment looks for what was left longer ago as well.
constexpr std::int64_t kCleanAllEvery = 16;
/// Blocks that are stored side by side.
constexpr std::size_t kStoringThreads = 4;

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
          deadline_(spec.duration ? deadline_of(spec, environment.started) : base::Deadline::after(kLongest)),
          limit_(spec.bandwidth_limit, environment.clock) {}

    contract::RunReport run();
    BackupPlan plan();

private:
    Result<void> work(contract::RunReport& report);
    Result<void> look_ahead(BackupPlan& plan);
    /// What a call of the storage that ended so at the deadline, or anything else, says to a person.
    void tell_end(contract::RunReport& report, const base::Error& error) const;
    [[nodiscard]] format::RepositoryWish repository_wish() const;
    Result<void> enter_repository();
    void clean_up(contract::RunReport& report);
    [[nodiscard]] CleaningRun::Reach reach_of_clean_up() const;
    void look_at_room(const format::Head& last);
    /// Tells it now, and at the end of the report's message.
    void note(const std::string& text);
    void warn(const std::string& text);
    /// Returns the newest earlier backup.
    Result<std::optional<Artifact>> look_at_sources();
    Result<Artifact> make(contract::RunReport& report);
    Result<Artifact> make_full(contract::RunReport& report);
    Result<std::optional<Artifact>> extend_chain(contract::RunReport& report);
    Result<std::optional<Artifact>> tip_to_extend(bool read_only);
    [[nodiscard]] bool gives_way_to_full(const base::Error& error) const;
    Result<void> plan_kind(BackupPlan& plan);
    Result<void> observe();
    Result<Artifact> copy_from_the_best(contract::RunReport& report);
    Result<Artifact> copy_from(const Candidate& candidate, contract::RunReport& report);
    void note_security(contract::RunReport& report, const net::Security* security);
    Result<Artifact> write_full(Found found, contract::SourceReport& told);
    Result<Artifact> write_increment(Found found, const contract::SourceReport& told);
    Result<std::unique_ptr<blocks::ArtifactWriter>> open_writer(std::size_t streams);
    Result<Artifact> tell_up_to_date(const IncrementPull& pulled, const contract::SourceReport& told);
    Result<void> check_siblings(const format::HeadName& own);
    void tell_siblings(const format::HeadName& own);
    [[nodiscard]] SourceWish wish_after(const Artifact& earlier) const;
    [[nodiscard]] bool is_current(const contract::SourceReport& told, std::int64_t highest) const;
    Result<void> write_intent();
    Result<Artifact> publish(format::Head head, blocks::ArtifactWriter::Totals totals);
    void mark_finished(const format::HeadName& head);
    Result<ArtifactListing> check_stored(const format::Counts& counts, std::uint64_t listing);
    Result<void> check_before_head(const format::HeadName& name, const format::Counts& counts, std::uint64_t listing);
    Result<void> check_after_head(const format::HeadName& name, const format::Counts& counts, std::uint64_t listing);
    void discard();
    [[nodiscard]] format::Head new_head(const CopyResult& copy, const CopySource& source,
                                        const contract::SourceReport& told) const;
    [[nodiscard]] Call call() const { return {.deadline = deadline_, .stop = stop_}; }
    [[nodiscard]] Result<void> check_deadline() const;

    const contract::RunSpec& spec_;
    const BackupEnvironment& environment_;
    const std::stop_token stop_;
    const base::Deadline deadline_;
    std::string certificate_warning_{};
    std::string notes_{};  ///< What a person should know beside how it ended; each begins with "; ".
    base::SystemTime start_{};
    std::string repository_{};
    std::optional<format::Layout> layout_{};
    std::vector<std::string> tips_{};
    format::ArtifactName name_{};
    std::optional<Artifact> tip_{};  ///< What an increment goes on from; nothing: a full is made.
    std::optional<contract::UpToDateReport> up_to_date_{};
    bool has_intent_ = false;     ///< There may be something to remove.
    bool may_have_head_ = false;  ///< Somebody tried to create it.
    BandwidthLimit limit_;
    SourceWish wish_{};
    std::vector<Candidate> candidates_{};
    std::optional<HeadList> heads_{};  ///< As they were before anything was copied; nothing: to be listed.
};

void tell_failure(contract::RunReport& report, const base::Error& error) {
    report.reason = error.reason.value_or(Reason::kInternalError);
    report.message = error.message;
}

contract::UnexpectedFull reason_of(const base::Error& error) {
    return {.reason = error.reason.value_or(Reason::kInternalError), .message = error.message};
}

contract::RunReport new_report(const contract::RunSpec& spec) {
    contract::RunReport report;
    report.run_uid = spec.run.uid;
    report.attempt = spec.run.attempt;
    return report;
}

void tell_success(contract::RunReport& report, const Artifact& artifact) {
    const auto& head = artifact.head;
    const auto last = highest_of(head);
    report.reason = Reason::kCompleted;
    report.artifact = report_of(artifact);
    report.source = {.address = head.server.address,
                     .store_id = head.store_id,
                     .last_transaction = last,
                     .member = head.server.member,
                     .role = contract::parse_member_role(head.server.role)};
    report.message = fmt::format("{} transactions up to {}, {} files, {} bytes, {} stored", kind_of(head), last,
                                 head.counts.files, head.counts.plain_bytes, head.counts.stored_bytes);
}

LevelWish level_wish(const contract::RunSpec& spec) {
    return {.level = spec.verify, .run = {.uid = spec.run.uid, .attempt = spec.run.attempt}};
}

void tell_level(contract::RunReport& report, const Verified& verified) {
    report.artifact->level = to_string(verified.proof.level);
    report.artifact->verified_at = verified.proof.at;
    if (!verified.note.empty()) {
        report.message += fmt::format("; warning: verified up to {}: {}", report.artifact->level, verified.note);
    }
}

format::Origin origin_of(const contract::RunSpec& spec) {
    return {.cluster = spec.run.cluster,
            .name_space = spec.run.object_namespace,
            .name = spec.run.name,
            .schedule = spec.run.schedule};
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

/// Whether an increment that ended so is impossible, and not only for now: a full can do better.
bool makes_impossible(const base::Error& error) {
    switch (error.reason.value_or(Reason::kInternalError)) {
        case Reason::kHistoryDiverged:
        case Reason::kNoEarlierBackup:
        case Reason::kChainTooLong:
        // Of every source that was asked.
        case Reason::kSourceLogPruned:
        // Of the chain: nothing of it is read while a full is made.
        case Reason::kArtifactDamaged:
        case Reason::kArtifactNotSupported:
            return true;
        default:
            return false;
    }
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

/// Whether an object may be there, or may still appear, whose creation ended so: a server or a proxy may have the
/// request.
bool may_still_arrive(const base::Error& error) {
    // Whatever the storage said last: an earlier try may have been done.
    if (error.code == ErrorCode::kUnavailable) return true;
    switch (error.reason.value_or(Reason::kInternalError)) {
        case Reason::kStorageFull:
        case Reason::kStorageReadOnly:
        case Reason::kStoragePermission:
        case Reason::kBucketNotFound:
        case Reason::kStorageAccessDenied:
        case Reason::kStorageCredentialsInvalid:
        case Reason::kStorageCredentialsRejected:
        case Reason::kStorageSignatureMismatch:
        case Reason::kStorageOperationUnsupported:
            return false;
        default:
            return true;
    }
}

contract::RunReport Backup::run() {
    start_ = environment_.clock.system_now();
    auto report = new_report(spec_);
    if (const auto done = work(report); !done) tell_end(report, done.error());
    if (report.reason == Reason::kStorageFull) report.message += notes_;
    return report;
}

void Backup::tell_end(contract::RunReport& report, const base::Error& error) const {
    tell_failure(report, error);
    // A call of the storage that ended so says only that its time was over. What had failed before, it would have told.
    const auto in_time = check_deadline();
    if (error.code == ErrorCode::kDeadline && !in_time) tell_failure(report, in_time.error());
}

BackupPlan Backup::plan() {
    start_ = environment_.clock.system_now();
    BackupPlan plan{.report = new_report(spec_)};
    if (const auto done = look_ahead(plan); !done) tell_end(plan.report, done.error());
    return plan;
}

Result<void> Backup::look_ahead(BackupPlan& plan) {
    N4B_TRY(layout_, format::Layout::create(spec_.source, spec_.database));
    N4B_TRY(const auto decision, look_at_repository(environment_.store, repository_wish(), call()));
    if (!decision.create) plan.repository = decision.file.id;
    N4B_TRY(plan.space, environment_.store.space(call()));
    N4B_TRY(plan.earlier, look_at_sources());
    N4B_TRY_VOID(plan_kind(plan));
    plan.report.passed_over = passed_over(candidates_, wish_);
    N4B_TRY(const auto choice, choose(candidates_, wish_));
    plan.report.source = report_of(candidates_.at(choice.candidate), choice);
    plan.report.reason = Reason::kCompleted;
    return {};
}

/// As extend_chain, but it asks no source whether its history is the chain's.
Result<void> Backup::plan_kind(BackupPlan& plan) {
    if (spec_.type == contract::BackupType::kFull) return {};
    auto tip = tip_to_extend(/*read_only=*/true);
    if (tip) {
        plan.goes_on_from = std::move(*tip);
        return {};
    }
    if (!gives_way_to_full(tip.error())) return base::fail(tip.error());
    plan.why_full = reason_of(tip.error());
    return {};
}

Result<void> Backup::work(contract::RunReport& report) {
    N4B_TRY(layout_, format::Layout::create(spec_.source, spec_.database));
    N4B_TRY_VOID(enter_repository());
    report.repository = repository_;
    // What this very attempt seems to have finished was made by an earlier process with the same RunSpec, such as a
    // schedule's of yesterday. Whoever starts one wants a backup of now, so only other attempts' artifacts are adopted.
    N4B_TRY(heads_, HeadList::read(environment_.store, *layout_, call()));
    auto earlier = look_up(environment_.store, *layout_,
                           {.uid = spec_.run.uid, .other_than_attempt = spec_.run.attempt}, *heads_, call());
    if (earlier) {
        // Its maker may have been killed right before it did so.
        mark_finished(name_of(earlier->head));
        N4B_TRY(const auto verified,
                reach_level(environment_.store, *earlier, level_wish(spec_), call(), &environment_.progress));
        tell_success(report, *earlier);
        report.adopted = true;
        tell_level(report, verified);
        report.message += notes_;
        return {};
    }
    if (earlier.error().reason != Reason::kArtifactNotFound) return base::fail(earlier.error());
    // Before the copy, which may need the room.
    clean_up(report);
    N4B_TRY(const auto written, make(report));
    const auto source = report.source;
    // Where nothing was new, nothing was made that could be looked at.
    Verified verified;
    if (!up_to_date_) {
        N4B_TRY(verified, reach_level(environment_.store, written, level_wish(spec_), call(), &environment_.progress));
    }
    tell_success(report, written);
    report.source = source;
    tell_level(report, verified);
    if (up_to_date_) {
        report.artifact.reset();
        report.up_to_date = up_to_date_;
        report.message = fmt::format("nothing new since transaction {}: chain {} holds all that the source has",
                                     up_to_date_->transaction, up_to_date_->chain);
    }
    report.message += certificate_warning_ + notes_;
    return {};
}

/// An increment where that is wanted and possible, else a full.
Result<Artifact> Backup::make(contract::RunReport& report) {
    if (spec_.type == contract::BackupType::kFull) return make_full(report);
    auto extended = extend_chain(report);
    if (extended && *extended) return std::move(**extended);
    tip_.reset();
    if (!extended) {
        if (!gives_way_to_full(extended.error())) return base::fail(extended.error());
        report.unexpected_full = reason_of(extended.error());
        warn(fmt::format("a full backup in place of an increment: {}: {}", to_string(report.unexpected_full->reason),
                         report.unexpected_full->message));
    }
    // What was tried for the increment may do for a full.
    candidates_.clear();
    N4B_TRY_VOID(check_deadline());
    return make_full(report);
}

Result<Artifact> Backup::make_full(contract::RunReport& report) {
    heads_.reset();  // Their memory is the copy's.
    N4B_TRY([[maybe_unused]] const auto newest, look_at_sources());
    return copy_from_the_best(report);
}

/// Whether a full is made in place of an increment that ended so.
bool Backup::gives_way_to_full(const base::Error& error) const {
    return makes_impossible(error) && spec_.when_impossible == contract::WhenImpossible::kFull;
}

/// Nothing: there is no backup yet, and a full is what was wanted then.
Result<std::optional<Artifact>> Backup::tip_to_extend(bool read_only) {
    if (!heads_) {
        N4B_TRY(heads_, HeadList::read(environment_.store, *layout_, call()));
    }
    const auto heads = std::exchange(heads_, std::nullopt);
    N4B_TRY(auto tip, find_tip(environment_.store, *layout_, *heads,
                               {.most_artifacts = spec_.max_chain_length,
                                .run = {.uid = spec_.run.uid, .attempt = spec_.run.attempt},
                                .read_only = read_only},
                               call()));
    if (tip || spec_.type == contract::BackupType::kAuto) return tip;
    return base::fail(
        ErrorCode::kFailedPrecondition, Reason::kNoEarlierBackup,
        fmt::format("no backup of {}/{} that an increment could go on from", spec_.source, spec_.database));
}

/// Nothing: there is nothing to extend, and a full is what was wanted then.
Result<std::optional<Artifact>> Backup::extend_chain(contract::RunReport& report) {
    N4B_TRY(tip_, tip_to_extend(/*read_only=*/false));
    if (!tip_) return std::nullopt;
    wish_ = wish_after(*tip_);
    N4B_TRY_VOID(observe());
    return copy_from_the_best(report).map([](Artifact artifact) { return std::optional(std::move(artifact)); });
}

SourceWish Backup::wish_after(const Artifact& earlier) const {
    return {.policy = spec_.policy,
            .max_lag = spec_.max_lag,
            .store_id = earlier.head.store_id,
            .earlier = fmt::format("{}/{} (chain {})", spec_.source, spec_.database, earlier.head.name.chain)};
}

void Backup::note(const std::string& text) {
    base::info(text);
    notes_ += "; " + text;
}

void Backup::warn(const std::string& text) {
    base::warn(text);
    notes_ += "; warning: " + text;
}

/// An increment looks only at what was left lately, and every sixteenth of a chain at everything, which finds what the
/// others pass over.
CleaningRun::Reach Backup::reach_of_clean_up() const {
    const bool extends = spec_.type != contract::BackupType::kFull && !heads_->heads().empty();
    const auto artifacts = extends ? heads_->heads().back().parsed.artifact.sequence + 1 : 0;
    return artifacts % kCleanAllEvery == 0 ? CleaningRun::Reach::kAll : CleaningRun::Reach::kRecent;
}

/// Whatever keeps a leftover from being removed is told, and ends no backup.
void Backup::clean_up(contract::RunReport& report) {
    const auto time = std::min<std::chrono::milliseconds>(kCleanUpTime, deadline_.left() / kCleanUpPart);
    const auto cleaned = engine::clean_up(environment_.store, *layout_,
                                          {.run = {.uid = spec_.run.uid, .attempt = spec_.run.attempt},
                                           .repository = repository_,
                                           .heads = &*heads_,
                                           .reach = reach_of_clean_up()},
                                          {.deadline = base::Deadline::after(time), .stop = stop_});
    if (cleaned.artifacts > 0) {
        // That may have taken a while, and somebody have extended the chain.
        heads_.reset();
        report.cleaned = {.artifacts = cleaned.artifacts, .bytes = cleaned.bytes};
        note(fmt::format("removed what {} unfinished {} had left, {} bytes{}", cleaned.artifacts,
                         cleaned.artifacts == 1 ? "backup" : "backups", cleaned.bytes,
                         cleaned.hidden ? " (the storage keeps versions, so the room is not free yet)" : ""));
    }
    if (!cleaned.trouble.empty() && !stop_.stop_requested()) {
        warn(fmt::format("not all that unfinished backups left could be removed: {}", cleaned.trouble));
    }
}

/// Nobody knows how much the copy will need; what the last one took is a good guess.
void Backup::look_at_room(const format::Head& last) {
    const auto space = environment_.store.space(call());
    if (!space || !*space || (*space)->available >= last.counts.stored_bytes) return;
    warn(fmt::format("the storage has {} bytes free, and the last full backup took {}", (*space)->available,
                     last.counts.stored_bytes));
}

format::RepositoryWish Backup::repository_wish() const {
    auto id = spec_.new_repository;
    if (id.empty()) id = base::random_digits(environment_.random);
    return {.use = spec_.initialize ? format::RepositoryUse::kInitialize : format::RepositoryUse::kWrite,
            .expected_id = spec_.repository,
            .new_id = std::move(id)};
}

Result<void> Backup::enter_repository() {
    N4B_TRY(const auto repository, open_repository(environment_.store, repository_wish(), call()));
    repository_ = repository.id;
    // Who makes a backup by hand may go on with any source, and claims none.
    if (spec_.run.object_namespace.empty()) return {};
    return claim_source(
        environment_.store, *layout_,
        {.cluster = spec_.run.cluster, .name_space = spec_.run.object_namespace, .source = spec_.source}, call());
}

Result<std::optional<Artifact>> Backup::look_at_sources() {
    N4B_TRY(auto earlier, find_earlier(environment_.store, *layout_, call()));
    tips_ = std::move(earlier.tips);
    wish_ = {.policy = spec_.policy, .max_lag = spec_.max_lag};
    if (earlier.newest) {
        if (earlier.newest->head.name.sequence == 0) look_at_room(earlier.newest->head);
        wish_ = wish_after(*earlier.newest);
        // The best guess there is: a database seldom grows or shrinks much between two backups.
        environment_.progress.guessed = true;
        environment_.progress.total = earlier.newest->head.counts.plain_bytes;
    }
    N4B_TRY_VOID(observe());
    return std::move(earlier.newest);
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
        if (environment_.on_choice) environment_.on_choice(*report.source, report.passed_over);
        auto copied = copy_from(candidate, report);
        if (copied || !ends_only_the_copy(copied.error()) || stop_.stop_requested()) return copied;
        candidate.tried = true;
        candidate.error = copied.error();
        base::warn(
            fmt::format("the copy from {} is given up, and what it sent thrown away: {}: {}", report.source->address,
                        to_string(copied.error().reason.value_or(Reason::kInternalError)), copied.error().message));
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
    N4B_TRY(found.session, open_again(environment_.dialer, source, stop_));
    note_security(report, found.session->security());
    auto id = found.session->store_id();
    if (!id) return base::fail(id.error().wrap(net::to_string(source.address)));
    source.store_id = *id;
    if (const auto text = txlog::to_string(*id); text != candidate.store_id) {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceRefused,
                          fmt::format("{} changed its store id from {} to {} between two connections",
                                      net::to_string(source.address), candidate.store_id, text));
    }
    const format::RunId run{.uid = spec_.run.uid, .attempt = spec_.run.attempt};
    name_ = {.chain = archive::chain_name(start_, environment_.random()), .run = run};
    if (tip_) {
        // One more source of the same attempt writes under names of its own as well: what was sent to the first one's
        // may arrive late.
        name_ = {.chain = tip_->head.name.chain,
                 .sequence = tip_->head.name.sequence + 1,
                 .kind = "incr",
                 .run = {.uid = run.uid, .attempt = run.attempt, .writer = format::writer_name(environment_.random())}};
    }
    has_intent_ = false;
    may_have_head_ = false;
    environment_.progress.files = 0;
    environment_.progress.bytes = 0;
    auto written =
        tip_ ? write_increment(std::move(found), *report.source) : write_full(std::move(found), *report.source);
    if (!written && has_intent_) discard();
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

/// The first object of an artifact: whose it is, and until when it may still be written to.
Result<void> Backup::write_intent() {
    N4B_TRY(const auto now, environment_.store.now(call()));
    // In whole seconds, as it stands in the name.
    const auto end = std::chrono::ceil<std::chrono::seconds>(now + deadline_.left());
    const format::Intent intent{
        .repository = repository_, .run = name_.run, .origin = origin_of(spec_), .deadline = end};
    const auto key = layout_->intent(name_, end);
    N4B_TRY(const auto creation, create_object(environment_.store, key, format::print_intent(intent), call()));
    if (creation != object_store::Creation::kCreated) {
        return base::fail(ErrorCode::kConflict, Reason::kArtifactConflict,
                          fmt::format("{}: somebody else writes an artifact of this name", key));
    }
    has_intent_ = true;
    return {};
}

Result<std::unique_ptr<blocks::ArtifactWriter>> Backup::open_writer(std::size_t streams) {
    const auto& sizes = environment_.buffers;
    const bool zstd = spec_.compression == contract::Compression::kZstd;
    return blocks::ArtifactWriter::create(environment_.store, layout_->blocks(name_),
                                          {.block_bytes = sizes.block,
                                           .blocks = sizes.blocks,
                                           .streams = streams,
                                           .threads = kStoringThreads,
                                           .encoding = zstd ? format::Encoding::kZstd : format::Encoding::kNone},
                                          call());
}

Result<Artifact> Backup::write_full(Found found, contract::SourceReport& told) {
    N4B_TRY_VOID(write_intent());
    const auto source = found.source;
    N4B_TRY(const auto writer, open_writer(static_cast<std::size_t>(spec_.connections)));
    N4B_TRY(const auto copy,
            copy_store(std::move(found.session), source, spec_.connections, *writer, environment_, call()));
    told.prepare = copy.prepare;
    told.checkpoint_lock = copy.checkpoint_lock;
    N4B_TRY(auto totals, writer->finish());
    auto head = new_head(copy, source, told);
    head.supersedes = tips_;
    return publish(std::move(head), std::move(totals));
}

/// Nothing is written before the first transaction comes that the chain does not have.
Result<Artifact> Backup::write_increment(Found found, const contract::SourceReport& told) {
    const auto source = found.source;
    const auto& tip = tip_->head;
    std::unique_ptr<blocks::ArtifactWriter> writer;
    std::unique_ptr<TransactionSink> sink;
    const OpenLog open_log = [&]() -> Result<TransactionSink*> {
        N4B_TRY_VOID(write_intent());
        N4B_TRY(writer, open_writer(0));
        N4B_TRY(sink,
                TransactionSink::create(*writer, environment_.progress,
                                        {.previous = highest_of(tip), .latest_commit_time = tip.latest_commit_time}));
        return sink.get();
    };
    N4B_TRY(const auto pulled,
            pull_increment(std::move(found.session), source, *layout_, *tip_, open_log, environment_, call()));
    if (sink == nullptr) return tell_up_to_date(pulled, told);
    environment_.progress.phase = "Finishing";
    N4B_TRY_VOID(sink->finish());
    N4B_TRY(auto totals, writer->finish());
    const CopyResult copy{.lowest = sink->lowest(),
                          .highest = sink->highest(),
                          .transactions = sink->count(),
                          .latest_commit_time = sink->latest_commit_time(),
                          .complete_at = pulled.complete_at,
                          .store_version = tip.store_version,
                          .neostore_patches = log_patches(sink->last())};
    auto head = new_head(copy, source, told);
    const auto digits = archive::digits_of(tip_->digest);
    head.parent = format::parent_of({.head = tip, .sha256 = digits, .bytes = tip_->bytes});
    head.transactions->earliest_restorable = tip.transactions->earliest_restorable;
    return publish(std::move(head), std::move(totals));
}

/// There is nothing new: a fact says so, as long as the source is known not to lag too far.
Result<Artifact> Backup::tell_up_to_date(const IncrementPull& pulled, const contract::SourceReport& told) {
    // What is reported as held must be: its writer may have been killed before the head's name was durable, and
    // somebody may be deleting the chain by now.
    N4B_TRY_VOID(environment_.store.make_durable(tip_->key, call()));
    N4B_TRY_VOID(check_wanted(environment_.store, *layout_, tip_->head.name, call()));
    const auto tip = report_of(*tip_);
    up_to_date_ = {.chain = tip.chain,
                   .artifact = tip.artifact,
                   .transaction = pulled.target,
                   .recoverable_to = tip.recoverable_to};
    if (is_current(told, pulled.target)) {
        up_to_date_->current_at = pulled.complete_at;
        N4B_TRY_VOID(mark_up_to_date(environment_.store, *tip_, pulled.complete_at, name_.run, call()));
    }
    return *tip_;
}

/// Of a member whose lag is unknown nobody can say that its last transaction was the newest. Without a limit for the
/// lag, the backup must hold what any member had when it was chosen: a replica that is stuck makes nothing current.
bool Backup::is_current(const contract::SourceReport& told, std::int64_t highest) const {
    if (!told.lag || !told.newest_known_transaction) return false;
    return spec_.max_lag ? *told.lag <= *spec_.max_lag : highest >= *told.newest_known_transaction;
}

format::Head Backup::new_head(const CopyResult& copy, const CopySource& source,
                              const contract::SourceReport& told) const {
    format::Head head{
        .repository = repository_,
        .source = spec_.source,
        .database = spec_.database,
        .name = name_,
        .origin = origin_of(spec_),
        .server = {.address = net::to_string(source.address), .member = told.member, .role = role_of(told.role)},
        .store_id = txlog::to_string(source.store_id),
        .store_version = copy.store_version,
        .transactions =
            format::Transactions{
                .lowest = copy.lowest, .highest = copy.highest, .earliest_restorable = copy.highest.point},
        .latest_commit_time = copy.latest_commit_time,
        .complete_at = copy.complete_at,
        .counts = {.transactions = copy.transactions},
        .block_bytes = static_cast<std::int64_t>(environment_.buffers.block),
        .encodings = {spec_.compression == contract::Compression::kZstd ? "zstd" : "none"},
        .log_preamble = base::to_hex(std::as_bytes(std::span(copy.log_preamble))),
        .neostore_patches = copy.neostore_patches,
        .runner_version = environment_.version,
        .start = start_};
    if (is_current(told, copy.highest.point.id)) head.current_at = copy.complete_at;
    return head;
}

Result<Artifact> Backup::publish(format::Head head, blocks::ArtifactWriter::Totals totals) {
    auto& store = environment_.store;
    const auto name = name_of(head);
    const auto transactions = head.counts.transactions;
    head.counts = totals.counts;
    head.counts.transactions = transactions;
    head.index = std::move(totals.index);
    N4B_TRY(head.end, store.now(call()));
    N4B_TRY(const auto text, format::print_head(head));
    N4B_TRY_VOID(check_before_head(name, head.counts, totals.listing));
    const auto key = layout_->head(name);
    may_have_head_ = true;
    const auto creation = create_object(store, key, text, call());
    if (!creation) {
        if (may_still_arrive(creation.error())) return base::fail(creation.error());
        // A volume can fail after the name has appeared.
        const auto found = store.stat(key, call());
        may_have_head_ = found || found.error().code != ErrorCode::kNotFound;
        return base::fail(creation.error());
    }
    if (*creation == object_store::Creation::kTaken) {
        return base::fail(ErrorCode::kConflict, Reason::kArtifactConflict,
                          fmt::format("{}: somebody else has made a head of this name", key));
    }
    N4B_TRY_VOID(check_after_head(name, head.counts, totals.listing));
    mark_finished(name);
    // What counts is what a reader finds, so the head is read back.
    return read_head(store, *layout_, format::to_string(name), call());
}

/// Two increments that go on from one backup hold the same transactions, and a restore takes one of them: the other one
/// is not made where that can be seen in time.
Result<void> Backup::check_siblings(const format::HeadName& own) {
    N4B_TRY(const auto sibling, find_sibling(environment_.store, *layout_, own, call()));
    if (!sibling) return {};
    return base::fail(ErrorCode::kConflict, Reason::kArtifactConflict,
                      fmt::format("{}: somebody else has gone on from the same backup meanwhile; try again, to go on "
                                  "from theirs",
                                  layout_->head(*sibling)));
}

/// Of two that were made at the very same time nothing is lost: they were held to the same transaction.
void Backup::tell_siblings(const format::HeadName& own) {
    const auto sibling = find_sibling(environment_.store, *layout_, own, call());
    if (!sibling || !*sibling) return;
    warn(fmt::format("conflict: {} goes on from the same backup as this one; {} is used", layout_->head(**sibling),
                     goes_before(own, **sibling) ? "this one" : "the other one"));
}

/// The backup is sound without the mark. With it, nobody cleans it away where its head is lost one day.
void Backup::mark_finished(const format::HeadName& head) {
    const auto key = layout_->mark(head.artifact);
    const Call soon{.deadline = deadline_.sooner(base::Deadline::after(kMarkTime)), .stop = stop_};
    const auto marked = create_object(environment_.store, key, format::print_mark(head), soon);
    if (!marked) warn("the backup could not be marked as finished: " + marked.error().message);
}

/// Each block is there with its size, as a listing shows it.
Result<ArtifactListing> Backup::check_stored(const format::Counts& counts, std::uint64_t listing) {
    N4B_TRY(auto all, list_artifact(environment_.store, *layout_, name_, call()));
    const auto& found = all.blocks;
    if (found.sum == listing && found.blocks == counts.blocks) return all;
    return base::fail(
        ErrorCode::kUnavailable, Reason::kStorageUnavailable,
        fmt::format("{}: the listing shows {} objects and {} bytes, {} and {} were written", layout_->blocks(name_),
                    found.blocks, found.bytes, counts.blocks, counts.stored_bytes));
}

/// Whether the head's name may appear.
Result<void> Backup::check_before_head(const format::HeadName& name, const format::Counts& counts,
                                       std::uint64_t listing) {
    N4B_TRY(const auto found, check_stored(counts, listing));
    N4B_TRY_VOID(check_wanted(*layout_, name_, found));
    if (tip_ && found.rivals) N4B_TRY_VOID(check_siblings(name));
    // What was seen before a long listing, or before that of the heads, may not hold any more.
    if (found.blocks.blocks >= kBlocksOfOnePage || found.rivals) {
        N4B_TRY_VOID(check_wanted(environment_.store, *layout_, name_, call()));
    }
    // Last: the storage may have hung in what came before, and somebody else be at work by now.
    if (stop_.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
    return check_deadline();
}

/// Whether the head counts that is there now. Whoever gives an artifact up looks for its head after having said so, and
/// whoever closes a chain for holds: so one of both is seen by the other.
Result<void> Backup::check_after_head(const format::HeadName& name, const format::Counts& counts,
                                      std::uint64_t listing) {
    auto found = check_stored(counts, listing);
    // Blocks that are gone by now are what a deletion begins with.
    if (!found) {
        N4B_TRY_VOID(check_wanted(environment_.store, *layout_, name_, call()));
        return base::fail(found.error());
    }
    N4B_TRY_VOID(check_wanted(*layout_, name_, *found));
    if (found->blocks.blocks >= kBlocksOfOnePage) {
        N4B_TRY_VOID(check_not_abandoned(environment_.store, *layout_, name_, call()));
    }
    if (tip_ && found->rivals) tell_siblings(name);
    return {};
}

/// Removes what a failed copy wrote, as far as that is possible. Where a head is there, or may be, everything stays,
/// and a look-up decides: a head whose blocks are gone would be worse than blocks without a head.
void Backup::discard() {
    if (may_have_head_) return;
    // What can't be removed stays without a head: it never counts as an artifact, and a later run removes it.
    (void)remove_artifact(environment_.store, *layout_, name_, {.deadline = base::Deadline::after(kDiscardTime)});
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

BackupPlan plan_backup(const contract::RunSpec& spec, const BackupEnvironment& environment, std::stop_token stop) {
    return Backup(spec, environment, std::move(stop)).plan();
}

contract::RunReport look_up_run(const contract::RunSpec& spec, object_store::ObjectStore& store, const Call& call) {
    auto report = new_report(spec);
    const auto artifact =
        format::Layout::create(spec.source, spec.database).and_then([&](const format::Layout& layout) {
            return look_up(store, layout, {.uid = spec.run.uid}, call);
        });
    const auto verified =
        artifact.and_then([&](const Artifact& found) { return reach_level(store, found, level_wish(spec), call); });
    if (verified) {
        tell_success(report, *artifact);
        report.adopted = true;
        tell_level(report, *verified);
    } else {
        tell_failure(report, verified.error());
    }
    return report;
}

}  // namespace n4b::engine
