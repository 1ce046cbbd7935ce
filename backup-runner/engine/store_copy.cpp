#include "backup-runner/engine/store_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "backup-runner/engine/transaction_sink.hpp"
#include "backup-runner/txlog/neostore.hpp"
#include "common/base/backoff.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr std::string_view kNeostore = "neostore";
/// A page is 8 KiB; what is much longer is no metadata store.
constexpr std::size_t kMaxNeostoreBytes = 64 * 1024;
/// All names that came with PREPARE, together: they are remembered to tell a second copy of a file from a first.
constexpr std::size_t kMaxAtomicNameBytes = 2 * 1024 * 1024;
/// A broken connection or a member that is just checkpointing is tried again this often for one file.
constexpr std::uint32_t kTriesPerRequest = 5;
constexpr base::Backoff kRequestBackoff{.base = std::chrono::milliseconds(200), .cap = std::chrono::seconds(5)};

/// The largest files of a typical store: begun first, so that the last connection does not end alone.
constexpr std::array<std::string_view, 5> kLargestFirst{"neostore.propertystore.db", "neostore.relationshipstore.db",
                                                        "neostore.propertystore.db.strings", "neostore.nodestore.db",
                                                        "neostore.propertystore.db.arrays"};

std::size_t rank(const std::string& name) {
    return static_cast<std::size_t>(std::find(kLargestFirst.begin(), kLargestFirst.end(), name) -
                                    kLargestFirst.begin());
}

tl::unexpected<base::Error> refused(std::string text) {
    return base::fail(ErrorCode::kUnavailable, Reason::kSourceRefused, std::move(text));
}

/// Worth another connection to the same server.
bool is_break(const base::Error& error) {
    return error.reason == Reason::kSourceConnectionLost || error.reason == Reason::kSourceUnreachable;
}

/// Waits; false when stopped meanwhile.
bool pause(std::chrono::milliseconds span, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    return !wake.wait_for(lock, stop, span, [] { return false; }) && !stop.stop_requested();
}

/// Receives files into the artifact; one thread.
class ArtifactReceiver final : public catchup::FileReceiver {
public:
    /// `expected`: the one name that may come; empty: any.
    ArtifactReceiver(ArtifactWriter& artifact, ProgressCounters& progress, std::string expected = {})
        : artifact_(artifact), progress_(progress), expected_(std::move(expected)) {}

    Result<void> begin(const std::string& name) override {
        if (!expected_.empty() && (name != expected_ || count_ > 0)) {
            return base::fail(
                ErrorCode::kInvalid, Reason::kSourceProtocolError,
                fmt::format("the source sent the file {} when {} was asked for", name.substr(0, 200), expected_));
        }
        name_ = name;
        N4B_TRY(sink_, artifact_.open_file(name));
        return {};
    }
    Result<void> data(std::span<const std::byte> bytes) override {
        progress_.bytes += static_cast<std::int64_t>(bytes.size());
        return sink_->write(bytes);
    }
    Result<void> end() override {
        N4B_TRY(auto stored, sink_->finish());
        sink_.reset();
        ++count_;
        ++progress_.files;
        if (expected_.empty()) {
            name_bytes_ += name_.size();
            if (name_bytes_ > kMaxAtomicNameBytes) {
                return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                                  "the source sends more files than a store can have");
            }
            names_.insert(name_);
        }
        return artifact_.add_file(name_, std::move(stored));
    }

    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] const std::set<std::string>& names() const { return names_; }

private:
    ArtifactWriter& artifact_;
    ProgressCounters& progress_;
    const std::string expected_;
    std::string name_{};
    std::unique_ptr<ObjectSink> sink_{};
    std::size_t count_ = 0;
    std::set<std::string> names_{};
    std::size_t name_bytes_ = 0;
};

/// Keeps `neostore` in memory: it is small, and what it says changes before it is stored.
class NeostoreReceiver final : public catchup::FileReceiver {
public:
    Result<void> begin(const std::string& name) override {
        if (name != kNeostore || complete_) {
            return base::fail(
                ErrorCode::kInvalid, Reason::kSourceProtocolError,
                fmt::format("the source sent the file {} when neostore was asked for", name.substr(0, 200)));
        }
        return {};
    }
    Result<void> data(std::span<const std::byte> bytes) override {
        if (contents_.size() + bytes.size() > kMaxNeostoreBytes) {
            return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                              fmt::format("the source's neostore is longer than {} bytes", kMaxNeostoreBytes));
        }
        contents_.insert(contents_.end(), bytes.begin(), bytes.end());
        return {};
    }
    Result<void> end() override {
        complete_ = true;
        return {};
    }

    [[nodiscard]] bool complete() const { return complete_; }
    catchup::Bytes& contents() { return contents_; }

private:
    catchup::Bytes contents_{};
    bool complete_ = false;
};

/// The state that the threads of one copy share.
class Copy {
public:
    Copy(const CopySource& source, ArtifactWriter& artifact, const BackupEnvironment& environment, std::stop_token stop)
        : source_(source), artifact_(artifact), environment_(environment), outer_(std::move(stop)) {}

    Result<CopyResult> run(std::unique_ptr<catchup::Session> session, std::int64_t connections);

private:
    /// A connection that is opened when needed and again after a break. One thread.
    class Line {
    public:
        Line(Copy& copy, std::unique_ptr<catchup::Session> session) : copy_(copy), session_(std::move(session)) {}

        /// Runs one request, again on a new connection after each break, up to `most` times.
        template <typename Request>
        auto request(Request run, std::uint32_t most = kTriesPerRequest)
            -> decltype(run(std::declval<catchup::Session&>())) {
            for (std::uint32_t tries = 1;; ++tries) {
                auto result = attempt(run);
                if (result) return result;
                session_.reset();
                if (!is_break(result.error()) || tries == most ||
                    !pause(kRequestBackoff.wait(tries, 0), copy_.stop_.get_token())) {
                    return result;
                }
            }
        }

    private:
        template <typename Request>
        auto attempt(Request& run) -> decltype(run(std::declval<catchup::Session&>())) {
            if (!session_) {
                N4B_TRY(session_, copy_.connect());
            }
            return run(*session_);
        }

        Copy& copy_;
        std::unique_ptr<catchup::Session> session_;
    };

    Result<std::unique_ptr<catchup::Session>> connect();
    Result<catchup::Prepared> prepare(catchup::Session& session);
    void schedule(std::vector<std::string> files, const std::set<std::string>& received);
    void work(std::unique_ptr<catchup::Session> session);
    Result<void> copy_file(Line& line, const std::string& name);
    Result<void> copy_index(Line& line, std::int64_t index);
    Result<void> pull(Line& line, TransactionSink& sink);
    Result<catchup::Bytes> fetch_neostore(Line& line);
    Result<CopyResult> complete(Line& line, TransactionSink& sink);
    Result<std::string> store_neostore(catchup::Bytes contents, const TransactionSink& sink);
    void note(const base::Error& error);

    const CopySource& source_;
    ArtifactWriter& artifact_;
    const BackupEnvironment& environment_;
    std::stop_token outer_;
    std::stop_source stop_{};  ///< Ends all threads of this copy: asked from outside, or after the first error.
    std::int64_t checkpoint_ = 0;

    std::mutex mutex_{};  ///< Guards all below.
    std::deque<std::string> files_{};
    std::deque<std::int64_t> indexes_{};
    std::optional<base::Error> error_{};
};

Result<CopyResult> Copy::run(std::unique_ptr<catchup::Session> session, std::int64_t connections) {
    const std::stop_callback forward(outer_, [this] { stop_.request_stop(); });
    environment_.progress.phase = "Preparing";
    N4B_TRY(auto prepared, prepare(*session));
    const std::int64_t previous = std::max<std::int64_t>(checkpoint_ - 1, 1);
    N4B_TRY(const auto sink, TransactionSink::create(artifact_, environment_.progress, previous));
    environment_.progress.phase = "Copying";
    Line pull_line(*this, nullptr);
    {
        std::vector<std::jthread> threads;
        threads.emplace_back([&] {
            if (auto pulled = pull(pull_line, *sink); !pulled) note(pulled.error());
        });
        threads.emplace_back([this, &session] { work(std::move(session)); });
        for (std::int64_t i = 1; i < connections; ++i) threads.emplace_back([this] { work(nullptr); });
    }
    {
        const std::lock_guard lock(mutex_);
        if (error_) return base::fail(*error_);
    }
    return complete(pull_line, *sink);
}

Result<std::unique_ptr<catchup::Session>> Copy::connect() {
    std::optional<catchup::Family> family = source_.family;
    auto session =
        catchup::Session::open(environment_.dialer, source_.address, source_.options, stop_.get_token(), family);
    if (!session && session.error().reason == Reason::kNotCatchupServer) {
        // It spoke catchup a moment ago, so it is going away, or something in between is.
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost,
                          "the source takes connections but no longer answers the handshake");
    }
    return session;
}

Result<catchup::Prepared> Copy::prepare(catchup::Session& session) {
    ArtifactReceiver receiver(artifact_, environment_.progress);
    N4B_TRY(auto prepared, session.prepare(source_.store_id, receiver));
    switch (prepared.status) {
        case catchup::PrepareStatus::kSuccess:
            break;
        case catchup::PrepareStatus::kStoreIdMismatch:
            return refused("the source changed its store id between two requests");
        case catchup::PrepareStatus::kListingFailed:
            return refused("the source could not list its store files; see its debug.log");
    }
    if (prepared.last_transaction < 1 ||
        std::find(prepared.files.begin(), prepared.files.end(), kNeostore) == prepared.files.end()) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                          "the source's list of store files lacks neostore or its checkpoint");
    }
    checkpoint_ = prepared.last_transaction;
    const std::lock_guard lock(mutex_);
    indexes_.assign(prepared.indexes.begin(), prepared.indexes.end());
    schedule(prepared.files, receiver.names());
    return prepared;
}

/// Queues what is still missing. A file that came under the checkpoint lock is not asked for again: that copy is the
/// consistent one. `neostore` has its own, last turn.
void Copy::schedule(std::vector<std::string> files, const std::set<std::string>& received) {
    std::erase_if(files, [&](const std::string& name) { return name == kNeostore || received.contains(name); });
    std::stable_sort(files.begin(), files.end(),
                     [](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
    files_.assign(files.begin(), files.end());
}

void Copy::work(std::unique_ptr<catchup::Session> session) {
    Line line(*this, std::move(session));
    for (;;) {
        std::string name;
        std::optional<std::int64_t> index;
        {
            const std::lock_guard lock(mutex_);
            if (error_ || (files_.empty() && indexes_.empty())) return;
            if (!files_.empty()) {
                name = std::move(files_.front());
                files_.pop_front();
            } else {
                index = indexes_.front();
                indexes_.pop_front();
            }
        }
        if (auto copied = index ? copy_index(line, *index) : copy_file(line, name); !copied) {
            note(copied.error());
            return;
        }
    }
}

Result<void> Copy::copy_file(Line& line, const std::string& name) {
    for (std::uint32_t tries = 1;; ++tries) {
        std::size_t received = 0;
        N4B_TRY(const auto status, line.request([&](catchup::Session& session) {
            ArtifactReceiver receiver(artifact_, environment_.progress, name);
            auto result = session.file(source_.store_id, checkpoint_, name, receiver);
            received = receiver.count();
            return result;
        }));
        switch (status) {
            case catchup::FileStatus::kSuccess:
                if (received == 1) return {};
                return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                                  fmt::format("the source answered the request for {} without a file", name));
            case catchup::FileStatus::kStoreIdMismatch:
                return refused("the source changed its store id during the copy");
            case catchup::FileStatus::kTooFarBehind:
                // The refusal starts a checkpoint there; a moment later the same request succeeds.
                if (tries == kTriesPerRequest || !pause(kRequestBackoff.wait(tries, 0), stop_.get_token())) {
                    return refused(fmt::format("the source is behind its own checkpoint {}", checkpoint_));
                }
                break;
            case catchup::FileStatus::kUnknown:
                return refused(fmt::format("the source does not have the file {} that it listed", name));
        }
    }
}

Result<void> Copy::copy_index(Line& line, std::int64_t index) {
    // One try: a second would meet the files of the first.
    N4B_TRY(const auto status, line.request(
                                   [&](catchup::Session& session) {
                                       ArtifactReceiver receiver(artifact_, environment_.progress);
                                       return session.index(source_.store_id, checkpoint_, index, receiver);
                                   },
                                   1));
    if (status != catchup::FileStatus::kSuccess) {
        return refused(fmt::format("the source refuses index {} with status {}", index, static_cast<int>(status)));
    }
    return {};
}

Result<void> Copy::pull(Line& line, TransactionSink& sink) {
    N4B_TRY(const auto finished,
            line.request([&](catchup::Session& session) { return session.pull(source_.store_id, sink.last(), sink); }));
    switch (finished.status) {
        case catchup::PullStatus::kEndOfBatch:
        case catchup::PullStatus::kEndOfStream:
            return {};
        case catchup::PullStatus::kStoreIdMismatch:
            return refused("the source changed its store id during the copy");
        case catchup::PullStatus::kStoreUnavailable:
            return refused("the source's database is not available at the moment");
        case catchup::PullStatus::kTransactionPruned:
            return base::fail(ErrorCode::kUnavailable, Reason::kSourceLogPruned,
                              fmt::format("the source has pruned transaction {}, which the copy needs; its "
                                          "dbms.tx_log.rotation.retention_policy is too short",
                                          sink.last() + 1));
        case catchup::PullStatus::kInvalidRequest:
            return refused(fmt::format("the source refuses to send transactions after {}", sink.last()));
    }
    return refused("the source answered a pull with an unknown status");
}

Result<catchup::Bytes> Copy::fetch_neostore(Line& line) {
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

Result<CopyResult> Copy::complete(Line& line, TransactionSink& sink) {
    environment_.progress.phase = "Pulling";
    N4B_TRY(auto neostore, fetch_neostore(line));
    N4B_TRY(const auto committed,
            line.request([&](catchup::Session& session) { return session.last_committed(source_.store_id); }));
    N4B_TRY_VOID(pull(line, sink));
    if (sink.last() < committed) {
        return base::fail(ErrorCode::kUnavailable, Reason::kCopyInconsistent,
                          fmt::format("the source had committed transaction {} when its files had been read, but sent "
                                      "the log only to {}",
                                      committed, sink.last()));
    }
    N4B_TRY(auto version, store_neostore(std::move(neostore), sink));
    N4B_TRY_VOID(sink.finish());
    environment_.progress.phase = "Finishing";
    return CopyResult{.lowest = sink.first_point(), .highest = sink.last_point(), .store_version = std::move(version)};
}

/// Checks `neostore`, makes it match the log that lies beside it, and stores it. Returns the store version.
Result<std::string> Copy::store_neostore(catchup::Bytes contents, const TransactionSink& sink) {
    using txlog::NeostoreField;
    if (const auto good = txlog::check_neostore(contents); !good) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError, good.error().message);
    }
    if (txlog::store_id_of(contents) != source_.store_id) {
        return base::fail(ErrorCode::kUnavailable, Reason::kCopyInconsistent,
                          "the copied neostore has another store id than the source said");
    }
    if (const auto last = txlog::get(contents, NeostoreField::kLastTransaction); last > sink.last()) {
        return base::fail(
            ErrorCode::kUnavailable, Reason::kCopyInconsistent,
            fmt::format("the copied neostore knows transaction {}, the log ends at {}", last, sink.last()));
    }
    std::vector<std::string> patched{"logVersion", "lastClosedLogVersion", "lastClosedLogOffset"};
    txlog::set(contents, NeostoreField::kLogVersion, kLogVersion);
    txlog::set(contents, NeostoreField::kLastClosedLogVersion, kLogVersion);
    txlog::set(contents, NeostoreField::kLastClosedLogOffset, 16);
    if (!sink.empty()) {
        txlog::set(contents, NeostoreField::kLastTransaction, sink.last());
        patched.emplace_back("lastTransaction");
    }
    N4B_TRY(const auto file, artifact_.open_file(std::string(kNeostore)));
    N4B_TRY_VOID(file->write(contents));
    N4B_TRY(auto stored, file->finish());
    N4B_TRY_VOID(artifact_.add_file(std::string(kNeostore), std::move(stored), std::move(patched)));
    ++environment_.progress.files;
    environment_.progress.bytes += static_cast<std::int64_t>(contents.size());
    return txlog::store_version_of(contents);
}

/// Keeps the first error and ends the other threads; what they then say is only the echo.
void Copy::note(const base::Error& error) {
    {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = error;
    }
    stop_.request_stop();
}

}  // namespace

Result<CopyResult> copy_store(std::unique_ptr<catchup::Session> session, const CopySource& source,
                              std::int64_t connections, ArtifactWriter& artifact, const BackupEnvironment& environment,
                              const std::stop_token& stop) {
    return Copy(source, artifact, environment, stop).run(std::move(session), connections);
}

}  // namespace n4b::engine
