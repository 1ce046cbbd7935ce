#include "backup-runner/engine/store_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <thread>
#include <utility>

#include "backup-runner/engine/copied_neostore.hpp"
#include "backup-runner/engine/file_receivers.hpp"
#include "backup-runner/engine/pull_outcome.hpp"
#include "backup-runner/engine/store_list.hpp"
#include "backup-runner/engine/transaction_sink.hpp"
#include "backup-runner/txlog/neostore.hpp"
#include "common/base/pause.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// A member that is just checkpointing is asked this often.
constexpr std::uint32_t kTriesWhenBehind = 5;

/// While files are read, the log is asked for what is new this soon after each pull. Between two pulls the source must
/// not prune what was committed in between: it prunes at check points, and only log files that were rotated before. A
/// member that pulls from another does so every second.
constexpr std::chrono::milliseconds kPullInterval{250};

tl::unexpected<base::Error> behind(std::string text) {
    return base::fail(ErrorCode::kUnavailable, Reason::kSourceBehind, std::move(text));
}

tl::unexpected<base::Error> refused(std::string text) {
    return base::fail(ErrorCode::kUnavailable, Reason::kSourceRefused, std::move(text));
}

/// The state that the threads of one copy share.
class Copy {
public:
    Copy(const CopySource& source, blocks::ArtifactWriter& artifact, const BackupEnvironment& environment,
         object_store::Call call)
        : source_(source), artifact_(artifact), environment_(environment), call_(std::move(call)) {}

    Result<CopyResult> run(std::unique_ptr<catchup::Session> session, std::int64_t connections);

private:
    SourceLine line(std::unique_ptr<catchup::Session> session);
    Result<void> prepare(catchup::Session& session);
    Result<std::int64_t> witness(catchup::Session& session);
    Result<void> ask_witness(SourceLine& line);
    void schedule(std::vector<std::string> files, const std::set<std::string>& received);
    void copy_files_side_by_side(std::unique_ptr<catchup::Session> session);
    std::optional<base::SystemTime> ask_storage_for_time();
    void work(std::unique_ptr<catchup::Session> session, blocks::BlockStream& stream);
    Result<void> copy_files(SourceLine& line, blocks::BlockStream& stream);
    Result<void> copy_file(SourceLine& line, blocks::BlockStream& stream, const std::string& name);
    Result<void> copy_index(SourceLine& line, blocks::BlockStream& stream, std::int64_t index);
    void keep_pulling(SourceLine& line, TransactionSink& sink, const std::stop_token& copied);
    Result<void> pull(SourceLine& line, TransactionSink& sink);
    Result<catchup::Bytes> fetch_neostore(SourceLine& line);
    Result<CopyResult> complete(SourceLine& line, TransactionSink& sink);
    Result<void> store_neostore(const catchup::Bytes& contents);
    FileTarget target(blocks::BlockStream& stream) {
        return {.stream = stream,
                .names = names_,
                .progress = environment_.progress,
                .limit = &source_.limit,
                .stop = stop_.get_token()};
    }
    void note(const base::Error& error);

    const CopySource& source_;
    blocks::ArtifactWriter& artifact_;
    const BackupEnvironment& environment_;
    const object_store::Call call_;
    std::stop_source stop_{};  ///< Ends all threads of this copy: asked from outside, or after the first error.
    std::vector<std::unique_ptr<blocks::BlockStream>> streams_{};  ///< One for each connection.
    ReceivedNames names_{};
    std::int64_t checkpoint_ = 0;
    std::int64_t previous_ = 0;  ///< The transaction before the log's first.
    std::chrono::milliseconds prepare_{};
    std::chrono::milliseconds checkpoint_lock_{};

    std::mutex mutex_{};  ///< Guards all below.
    std::deque<std::string> files_{};
    std::deque<std::int64_t> indexes_{};
    std::int64_t newest_ = 0;  ///< The newest transaction that a file may hold.
    std::optional<base::Error> error_{};
};

Result<CopyResult> Copy::run(std::unique_ptr<catchup::Session> session, std::int64_t connections) {
    const std::stop_callback forward(call_.stop, [this] { stop_.request_stop(); });
    environment_.progress.phase = "Preparing";
    for (std::int64_t i = 0; i < connections; ++i) {
        N4B_TRY(auto stream, artifact_.open_stream());
        streams_.push_back(std::move(stream));
    }
    N4B_TRY_VOID(prepare(*session));
    previous_ = std::max<std::int64_t>(checkpoint_ - 1, 1);
    N4B_TRY(const auto sink, TransactionSink::create(artifact_, environment_.progress, {.previous = previous_}));
    environment_.progress.phase = "Copying";
    auto pull_line = line(nullptr);
    std::optional<base::SystemTime> complete_at;
    {
        // Ends after all below has: it is told to stop then.
        const std::jthread puller([&](const std::stop_token& copied) { keep_pulling(pull_line, *sink, copied); });
        copy_files_side_by_side(std::move(session));
        // While the log is still followed: a storage that is away may take minutes to answer, and the source would
        // prune what nobody fetches meanwhile.
        complete_at = ask_storage_for_time();
    }
    {
        const std::lock_guard lock(mutex_);
        if (error_) return base::fail(*error_);
    }
    N4B_TRY(auto result, complete(pull_line, *sink));
    result.complete_at = complete_at;
    return result;
}

SourceLine Copy::line(std::unique_ptr<catchup::Session> session) {
    auto chance = [this] {
        const std::lock_guard lock(mutex_);
        return environment_.random() / 4294967296.0;
    };
    return {{.dialer = environment_.dialer, .source = source_, .chance = chance, .stop = stop_.get_token()},
            std::move(session)};
}

Result<void> Copy::prepare(catchup::Session& session) {
    const auto start = std::chrono::steady_clock::now();
    ArtifactReceiver receiver({.stream = *streams_.front(), .names = names_, .progress = environment_.progress});
    N4B_TRY(auto prepared, session.prepare(source_.store_id, receiver));
    const auto end = std::chrono::steady_clock::now();
    prepare_ = std::chrono::duration_cast<std::chrono::milliseconds>(end - start);
    checkpoint_lock_ = std::chrono::duration_cast<std::chrono::milliseconds>(end - receiver.begun().value_or(end));
    switch (prepared.status) {
        case catchup::PrepareStatus::kSuccess:
            break;
        case catchup::PrepareStatus::kStoreIdMismatch:
            return refused("the source changed its store id between two requests");
        case catchup::PrepareStatus::kListingFailed:
            return refused(
                "the source could not prepare a copy: its checkpoint or the listing of its store files "
                "failed; see its debug.log");
    }
    N4B_TRY_VOID(check_store_list(prepared, receiver.names()));
    checkpoint_ = prepared.last_transaction;
    N4B_TRY_VOID(witness(session));
    const std::lock_guard lock(mutex_);
    indexes_.assign(prepared.indexes.begin(), prepared.indexes.end());
    schedule(std::move(prepared.files), receiver.names());
    return {};
}

/// What has come so far may hold transactions up to the last that the server has committed by now, and the log must
/// reach it: also when the address is shared by several servers against the rules, or the server was set back.
Result<std::int64_t> Copy::witness(catchup::Session& session) {
    N4B_TRY(const auto committed, session.last_committed(source_.store_id));
    const std::lock_guard lock(mutex_);
    newest_ = std::max(newest_, committed);
    return committed;
}

/// The same as a request of its own: a connection that breaks behind a file's last byte doesn't cost the file.
Result<void> Copy::ask_witness(SourceLine& line) {
    N4B_TRY_VOID(line.request([&](catchup::Session& session) { return witness(session); }));
    return {};
}

/// Queues what is still missing. A file that came under the checkpoint lock is not asked for again: that copy is the
/// consistent one. `neostore` has its own, last turn.
void Copy::schedule(std::vector<std::string> files, const std::set<std::string>& received) {
    std::erase_if(files, [&](const std::string& name) { return name == kNeostore || received.contains(name); });
    sort_largest_first(files);
    files_.assign(files.begin(), files.end());
}

/// Returns when all files have been read, or after an error.
void Copy::copy_files_side_by_side(std::unique_ptr<catchup::Session> session) {
    std::vector<std::jthread> workers;
    for (auto& stream : streams_) {
        workers.emplace_back(
            [this, &stream, first = std::move(session)]() mutable { work(std::move(first), *stream); });
    }
}

/// Before the source is asked for its last transaction, so that what had been committed by this time is in the copy.
/// Nothing after an error, its own included.
std::optional<base::SystemTime> Copy::ask_storage_for_time() {
    auto now = environment_.store.now({.deadline = call_.deadline, .stop = stop_.get_token()});
    if (now) return *now;
    note(now.error());
    return std::nullopt;
}

void Copy::work(std::unique_ptr<catchup::Session> session, blocks::BlockStream& stream) {
    auto line = this->line(std::move(session));
    auto copied = copy_files(line, stream);
    // What isn't full is stored as well, also for those that go on: a copy that waits for a slow file keeps no block.
    if (copied) copied = stream.flush();
    if (!copied) note(copied.error());
}

/// Takes one after the other from what is queued.
Result<void> Copy::copy_files(SourceLine& line, blocks::BlockStream& stream) {
    for (;;) {
        std::string name;
        std::optional<std::int64_t> index;
        {
            const std::lock_guard lock(mutex_);
            if (error_ || (files_.empty() && indexes_.empty())) return {};
            if (!files_.empty()) {
                name = std::move(files_.front());
                files_.pop_front();
            } else {
                index = indexes_.front();
                indexes_.pop_front();
            }
        }
        N4B_TRY_VOID(index ? copy_index(line, stream, *index) : copy_file(line, stream, name));
    }
}

Result<void> Copy::copy_file(SourceLine& line, blocks::BlockStream& stream, const std::string& name) {
    for (std::uint32_t tries = 1;; ++tries) {
        bool received = false;
        N4B_TRY(const auto status, line.request([&](catchup::Session& session) -> Result<catchup::FileStatus> {
            ArtifactReceiver receiver(target(stream), name);
            N4B_TRY(const auto answer, session.file(source_.store_id, checkpoint_, name, receiver));
            received = receiver.complete();
            if (received && answer == catchup::FileStatus::kSuccess) N4B_TRY_VOID(receiver.keep());
            return answer;
        }));
        switch (status) {
            case catchup::FileStatus::kSuccess:
                if (!received) {
                    return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                                      fmt::format("the source answered the request for {} without a file", name));
                }
                return ask_witness(line);
            case catchup::FileStatus::kStoreIdMismatch:
                return refused("the source changed its store id during the copy");
            case catchup::FileStatus::kTooFarBehind:
                // The refusal starts a checkpoint there; a moment later the same request succeeds.
                if (tries == kTriesWhenBehind || !line.wait(tries)) {
                    return behind(fmt::format("the source is behind its own checkpoint {}", checkpoint_));
                }
                break;
            case catchup::FileStatus::kUnknown:
                return refused(fmt::format("the source does not have the file {} that it listed", name));
        }
    }
}

Result<void> Copy::copy_index(SourceLine& line, blocks::BlockStream& stream, std::int64_t index) {
    // One try: a second would meet the files of the first.
    N4B_TRY(const auto status, line.request(
                                   [&](catchup::Session& session) -> Result<catchup::FileStatus> {
                                       ArtifactReceiver receiver(target(stream));
                                       return session.index(source_.store_id, checkpoint_, index, receiver);
                                   },
                                   1));
    if (status != catchup::FileStatus::kSuccess) {
        return refused(fmt::format("the source refuses index {} with status {}", index, static_cast<int>(status)));
    }
    return ask_witness(line);
}

/// Follows the log from right after PREPARE until all files have been read, so that pruning does not overtake a long
/// copy.
void Copy::keep_pulling(SourceLine& line, TransactionSink& sink, const std::stop_token& copied) {
    do {
        if (auto pulled = pull(line, sink); !pulled) {
            note(pulled.error());
            return;
        }
    } while (base::pause(kPullInterval, copied));
}

Result<void> Copy::pull(SourceLine& line, TransactionSink& sink) {
    LimitedTransactions limited(sink, source_.limit, stop_.get_token());
    N4B_TRY(const auto finished, line.request([&](catchup::Session& session) {
        return session.pull(source_.store_id, sink.last(), limited);
    }));
    return check_pull(finished, sink.last(),
                      sink.empty() ? fmt::format("its own checkpoint {}", checkpoint_)
                                   : fmt::format("{}, which it sent before", sink.last()));
}

Result<catchup::Bytes> Copy::fetch_neostore(SourceLine& line) {
    NeostoreReceiver receiver;
    N4B_TRY(const auto status, line.request([&](catchup::Session& session) {
        receiver = NeostoreReceiver();
        return session.file(source_.store_id, checkpoint_, kNeostore, receiver);
    }));
    if (status != catchup::FileStatus::kSuccess || !receiver.complete()) {
        return refused(fmt::format("the source refuses neostore with status {}", static_cast<int>(status)));
    }
    return std::move(receiver.contents());
}

Result<CopyResult> Copy::complete(SourceLine& line, TransactionSink& sink) {
    environment_.progress.phase = "Pulling";
    N4B_TRY(auto neostore, fetch_neostore(line));
    N4B_TRY(const auto committed, line.request([&](catchup::Session& session) { return witness(session); }));
    if (committed < checkpoint_) {
        return base::fail(
            ErrorCode::kUnavailable, Reason::kCopyInconsistent,
            fmt::format("the source names transaction {} as the last it has committed, below its own checkpoint {}",
                        committed, checkpoint_));
    }
    N4B_TRY_VOID(pull(line, sink));
    if (const std::lock_guard lock(mutex_); sink.last() < newest_) {
        return base::fail(ErrorCode::kUnavailable, Reason::kCopyInconsistent,
                          fmt::format("the source had committed transaction {} when its files had been read, but sent "
                                      "the log only to {}",
                                      newest_, sink.last()));
    }
    N4B_TRY(auto patches, fit_neostore(neostore, source_.store_id, sink));
    N4B_TRY_VOID(store_neostore(neostore));
    N4B_TRY_VOID(sink.finish());
    environment_.progress.phase = "Finishing";
    return CopyResult{.lowest = sink.lowest(),
                      .highest = sink.highest(),
                      .transactions = sink.count(),
                      .latest_commit_time = sink.latest_commit_time(),
                      .store_version = txlog::store_version_of(neostore),
                      .log_preamble = log_preamble(previous_),
                      .neostore_patches = std::move(patches),
                      .prepare = prepare_,
                      .checkpoint_lock = checkpoint_lock_};
}

/// As the server sent it.
Result<void> Copy::store_neostore(const catchup::Bytes& contents) {
    auto& stream = *streams_.front();
    N4B_TRY_VOID(stream.open(std::string(kNeostore)));
    N4B_TRY_VOID(stream.write(contents));
    N4B_TRY_VOID(stream.done());
    N4B_TRY_VOID(stream.flush());
    ++environment_.progress.files;
    environment_.progress.bytes += static_cast<std::int64_t>(contents.size());
    return {};
}

/// Keeps the first error and ends the other threads; what they then say is only the echo.
void Copy::note(const base::Error& error) {
    {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = error;
    }
    stop_.request_stop();
    // The first connection was opened before this copy began, and none of them looks up from a wait for the storage.
    artifact_.give_up();
}

}  // namespace

Result<CopyResult> copy_store(std::unique_ptr<catchup::Session> session, const CopySource& source,
                              std::int64_t connections, blocks::ArtifactWriter& artifact,
                              const BackupEnvironment& environment, const object_store::Call& call) {
    return Copy(source, artifact, environment, call).run(std::move(session), connections);
}

}  // namespace n4b::engine
