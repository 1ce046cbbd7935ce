#include "backup-runner/engine/restore.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/engine/copied_neostore.hpp"
#include "backup-runner/engine/reader_hold.hpp"
#include "backup-runner/engine/restore_of_run.hpp"
#include "backup-runner/engine/restore_saver.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/engine/store_list.hpp"
#include "backup-runner/format/damage.hpp"
#include "common/base/hex.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using format::damaged;
using object_store::Call;
using object_store::ObjectStore;

/// What the real one is called until all else is durable; the process follows where there may be several, so that none
/// gives another one's its final name.
constexpr std::string_view kWaitingNeostore = "RESTORE-INCOMPLETE.neostore";

/// A page is 8 KiB; what is much longer is no metadata store.
constexpr std::int64_t kMostNeostoreBytes = 64 * 1024;
/// Files that have begun and not ended: one for each connection of the backup, and the log.
constexpr std::size_t kMostOpenFiles = 64;
/// From so many bytes on a file is written around the page cache, which takes 1 MiB of memory for each that is open.
constexpr std::int64_t kLargeFile = std::int64_t{4} * 1024 * 1024;
/// Files that are announced and have not begun: what one block for each of these can hold.
constexpr std::size_t kMostAwaitedFiles = 512 * 1024;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

/// What another process writes meanwhile must not be mixed with ours.
Result<void> check_ours(const OpenTarget& target) {
    if (!target.still_ours || target.still_ours()) return {};
    return base::fail(ErrorCode::kConflict, Reason::kTargetNotEmpty,
                      target.name + ": another attempt of this run writes there now");
}

/// What of a file an earlier attempt has left.
KeptFile kept_of(const OpenTarget& target, const std::string& path) {
    const auto found = target.kept ? target.kept->find(path) : KeptFiles::const_iterator{};
    return target.kept && found != target.kept->end() ? found->second : KeptFile{};
}

/// The transaction log of all artifacts of a chain, one behind the other, in one file.
class LogWriter {
public:
    /// `bytes`: what comes at most.
    static Result<LogWriter> create(const OpenTarget& target, const format::Head& full, std::int64_t bytes) {
        const auto caching = bytes >= kLargeFile ? storage::Caching::kAround : storage::Caching::kThrough;
        const auto preamble = base::from_hex(full.log_preamble);
        const auto had = kept_of(target, kLogPath).bytes;
        N4B_TRY(auto file, begin_file(target.log, kLogPath, had, caching));
        if (had == 0) N4B_TRY_VOID(at_target(file->write(bytes_of(preamble))));
        return LogWriter({.in = &target.log, .path = kLogPath, .writer = std::move(file), .had = had, .told = had},
                         static_cast<std::int64_t>(preamble.size()));
    }
    /// How many of the next bytes are there already, of so many.
    [[nodiscard]] std::int64_t had(std::int64_t bytes) {
        const auto passed = std::clamp<std::int64_t>(kept_ - position_, 0, bytes);
        position_ += passed;
        return passed;
    }
    Result<void> write(std::span<const std::byte> bytes) {
        position_ += static_cast<std::int64_t>(bytes.size());
        return at_target(file_.writer->write(bytes));
    }
    RestoredFile& file() { return file_; }

private:
    LogWriter(RestoredFile file, std::int64_t position)
        : file_(std::move(file)), kept_(file_.had), position_(position) {}
    RestoredFile file_;
    const std::int64_t kept_;
    std::int64_t position_;  ///< Up to here the content was passed, the preamble among it.
};

/// Writes what an artifact holds into a directory that bears the marker; keeps `neostore` back.
class StoreWriter final : public blocks::ContentReceiver {
public:
    /// `log_bytes`: how much of the artifact's log is wanted.
    StoreWriter(const OpenTarget& target, RestoreSaver& saver, LogWriter& log, std::int64_t log_bytes)
        : target_(target), saver_(saver), log_(log), log_left_(log_bytes) {}

    Result<void> open(std::int64_t number, const std::optional<std::string>& path, std::int64_t bytes) override {
        if (!path) {
            log_number_ = number;
            had_ = log_.had(std::min(bytes, log_left_));
            log_left_ -= had_;
            count(had_);
            return content_.add_log(bytes);
        }
        N4B_TRY(auto relative, content_.add_file(*path, bytes));
        if (relative == kNeostore) {
            if (bytes > kMostNeostoreBytes) {
                return damaged(fmt::format("neostore: found {} bytes, expected at most {}", bytes, kMostNeostoreBytes));
            }
            neostore_number_ = number;
            return {};
        }
        if (awaited_.size() == kMostAwaitedFiles)
            return damaged("index: more files begin than can wait for their bytes");
        const auto kept = kept_of(target_, relative);
        if (kept.whole ? kept.bytes != bytes : kept.bytes > bytes) {
            return base::fail(ErrorCode::kFailedPrecondition, Reason::kTargetNotEmpty,
                              fmt::format("{}: {} says that {} bytes of {} are there, and it is to have {}",
                                          target_.name, kRestoreJournal, kept.bytes, relative, bytes));
        }
        had_ = kept.bytes;
        count(had_);
        awaited_.emplace(number, Awaited{.path = std::move(relative), .bytes = bytes, .kept = kept});
        return {};
    }

    std::int64_t bytes_had() override { return std::exchange(had_, 0); }

    Result<void> data(std::int64_t number, std::span<const std::byte> bytes) override {
        count(static_cast<std::int64_t>(bytes.size()));
        if (number == neostore_number_) {
            neostore_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        }
        if (number == log_number_) {
            N4B_TRY_VOID(write_log(bytes));
        } else {
            N4B_TRY(Open* const file, begun(number));
            N4B_TRY_VOID(at_target(file->file.writer->write(bytes)));
        }
        return saver_.is_time(bytes.size()) ? save() : Result<void>{};
    }

    Result<void> done(std::int64_t number) override {
        if (target_.progress != nullptr) ++target_.progress->files;
        if (number == neostore_number_ || number == log_number_) return {};
        const auto awaited = awaited_.find(number);
        if (awaited != awaited_.end() && awaited->second.kept.whole) {
            awaited_.erase(awaited);
            return {};
        }
        N4B_TRY(Open* const file, begun(number));
        N4B_TRY_VOID(saver_.finish(file->file, file->bytes));
        open_.erase(number);
        return {};
    }

    /// Checks that all is there that the head promises. Returns `neostore` as the server sent it; empty of an
    /// increment.
    Result<std::string> finish(const format::Head& head) {
        N4B_TRY_VOID(content_.compare(head));
        return std::move(neostore_);
    }

private:
    static constexpr std::int64_t kNoTry = 0;  ///< Tries are numbered from 1 on.

    /// A file whose bytes have not come yet.
    struct Awaited {
        std::string path{};
        std::int64_t bytes = 0;
        KeptFile kept{};
    };
    struct Open {
        RestoredFile file{};
        std::int64_t bytes = 0;  ///< That it is to have.
    };

    void count(std::int64_t bytes) {
        if (target_.progress != nullptr) target_.progress->bytes += bytes;
    }

    /// Files that have less than a unit are begun anew, which a sync would cost more than.
    Result<void> save() {
        N4B_TRY_VOID(check_ours(target_));
        for (auto& [number, open] : open_) {
            if (open.bytes >= RestoreSaver::kUnit) N4B_TRY_VOID(saver_.save(open.file));
        }
        N4B_TRY_VOID(saver_.save(log_.file()));
        return saver_.saved();
    }

    Result<void> write_log(std::span<const std::byte> bytes) {
        const auto wanted = std::min(static_cast<std::int64_t>(bytes.size()), log_left_);
        log_left_ -= wanted;
        return log_.write(bytes.first(static_cast<std::size_t>(wanted)));
    }

    /// Files are created when their bytes come, and not when the index first tells of them: of small ones it tells of
    /// thousands at once.
    Result<Open*> begun(std::int64_t number) {
        const auto found = open_.find(number);
        if (found != open_.end()) return &found->second;
        auto awaited = awaited_.extract(number);
        N4B_TRY_VOID(create(number, awaited.mapped()));
        return &open_.at(number);
    }

    Result<void> create(std::int64_t number, const Awaited& file) {
        N4B_TRY_VOID(check_ours(target_));
        const auto& path = file.path;
        if (open_.size() == kMostOpenFiles) {
            return damaged(fmt::format("index: more than {} files are open at once", kMostOpenFiles));
        }
        if (const auto slash = path.rfind('/'); slash != std::string::npos) {
            N4B_TRY_VOID(at_target(target_.store.make_directories(path.substr(0, slash))));
        }
        const bool large = file.bytes >= kLargeFile && open_.size() < kMostLargeFiles;
        const auto had = file.kept.bytes;
        N4B_TRY(auto writer,
                begin_file(target_.store, path, had, large ? storage::Caching::kAround : storage::Caching::kThrough));
        // A process that was stopped right before it created the file may have lost the target meanwhile: the file goes
        // again, which no other process may find among its own.
        N4B_TRY_VOID(check_ours(target_));
        open_.emplace(
            number,
            Open{.file = {.in = &target_.store, .path = path, .writer = std::move(writer), .had = had, .told = had},
                 .bytes = file.bytes});
        return {};
    }

    const OpenTarget& target_;
    RestoreSaver& saver_;
    LogWriter& log_;
    std::int64_t log_left_;
    RestoredContent content_{};
    std::map<std::int64_t, Awaited> awaited_{};
    std::map<std::int64_t, Open> open_{};
    std::int64_t had_ = 0;
    std::int64_t neostore_number_ = kNoTry;
    std::int64_t log_number_ = kNoTry;
    std::string neostore_{};
};

/// Puts what `neostore` must have beside the restored log in place of what the server sent.
Result<void> patch(std::string& neostore, const std::vector<format::NeostorePatch>& patches) {
    for (const auto& patch : patches) {
        const auto bytes = base::from_hex(patch.hex);
        const auto at = static_cast<std::size_t>(patch.offset);
        if (patch.offset < 0 || at > neostore.size() || bytes.size() > neostore.size() - at) {
            return damaged("head: neostorePatches go beyond the end of neostore");
        }
        neostore.replace(at, bytes.size(), bytes);
    }
    return {};
}

/// Every directory of a tree: a file's own fsync makes its contents durable, not its name.
Result<void> sync_directories(storage::Storage& target, const std::string& key, int depth) {
    if (depth > kMaxRestoredDepth) {
        return base::fail(ErrorCode::kInvalid, Reason::kStorageUnavailable,
                          fmt::format("{}: directories deeper than {}", key, kMaxRestoredDepth));
    }
    std::vector<std::string> directories;
    N4B_TRY_VOID(target.list(key, [&](const storage::Entry& entry) {
        const bool foreign = key.empty() && entry.name == storage::kLostAndFound;
        if (entry.directory && !foreign) directories.push_back(key.empty() ? entry.name : key + "/" + entry.name);
        return true;
    }));
    for (const auto& directory : directories) N4B_TRY_VOID(sync_directories(target, directory, depth + 1));
    return target.sync_directory(key);
}

Result<void> write_file(storage::Storage& in, std::string_view key, std::string_view text) {
    N4B_TRY(const auto file, in.create(key));
    N4B_TRY_VOID(file->write(bytes_of(text)));
    return file->finish();
}

/// The real `neostore` in place of the directory that keeps servers away, and then no marker any more.
Result<void> complete(const OpenTarget& target, std::string_view neostore) {
    auto& store = target.store;
    const auto waiting = std::string(kWaitingNeostore) + (target.process.empty() ? "" : "." + target.process);
    N4B_TRY_VOID(check_ours(target));
    N4B_TRY_VOID(write_file(store, waiting, neostore));
    if (!target.record.empty()) N4B_TRY_VOID(write_file(store, kRestoreRecord, target.record));
    // The log comes first: a server that finds a store and no log opens the store as it is, without recovery and
    // without a word.
    if (&target.log != &store) N4B_TRY_VOID(sync_directories(target.log, "", 0));
    N4B_TRY_VOID(sync_directories(store, "", 0));
    N4B_TRY_VOID(check_ours(target));
    N4B_TRY_VOID(store.replace_directory(waiting, kNeostore));
    if (!target.origin.empty()) N4B_TRY_VOID(store.remove(kRestoreJournal));
    N4B_TRY_VOID(store.remove(kRestoreMarker));
    return store.sync_directory("");
}

/// One artifact; returns its `neostore`, empty of an increment.
Result<std::string> write_artifact(ObjectStore& from, const Artifact& artifact, const OpenTarget& target,
                                   RestoreSaver& saver, LogWriter& log, std::int64_t log_bytes, const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    blocks::ArtifactReader reader({.store = from, .prefix = layout.blocks(artifact.head.name), .head = artifact.head},
                                  target.blocks);
    StoreWriter writer(target, saver, log, log_bytes);
    N4B_TRY_VOID(reader.read_all(writer, call));
    return writer.finish(artifact.head);
}

/// All files of a chain, into a directory that bears the marker.
Result<void> write_store(ObjectStore& from, const RestorePoint& point, const OpenTarget& target, const Call& call) {
    // A server that finds no neostore, or one that it can't read, makes a new one beside what is there and starts,
    // without a word. It refuses to start on a directory of that name.
    N4B_TRY_VOID(at_target(target.store.make_directories(kNeostore)));
    const auto& chain = point.chain;
    std::optional<RestoreJournal> journal;
    if (!target.origin.empty()) {
        N4B_TRY(journal,
                at_target(RestoreJournal::begin(target.store, target.origin, target.kept.value_or(KeptFiles{}))));
    }
    RestoreSaver saver(journal ? &*journal : nullptr, target.journal_bytes);
    N4B_TRY(auto log, LogWriter::create(target, chain.front().head, plain_bytes_of(chain)));
    N4B_TRY_VOID(check_ours(target));
    std::string neostore;
    for (const auto& artifact : chain) {
        const bool last = &artifact == &chain.back();
        const auto log_bytes = last ? point.log_bytes.value_or(INT64_MAX) : INT64_MAX;
        N4B_TRY(auto sent, write_artifact(from, artifact, target, saver, log, log_bytes, call));
        if (&artifact == &chain.front()) neostore = std::move(sent);
    }
    N4B_TRY_VOID(saver.finish(log.file(), 0));
    N4B_TRY_VOID(patch(neostore, chain.back().head.neostore_patches));
    // The head's patches are for its own last transaction.
    if (point.log_bytes) N4B_TRY_VOID(patch(neostore, log_patches(point.transaction)));
    return at_target(complete(target, neostore));
}

Result<void> mark(const OpenTarget& target) {
    N4B_TRY_VOID(write_file(target.store, kRestoreMarker, target.marker));
    return target.store.sync_directory("");
}

}  // namespace

Result<void> restore(ObjectStore& from, const RestorePoint& point, const RestoreTarget& target, const Call& call,
                     ProgressCounters* progress) {
    std::int64_t kept = 0;
    for (const auto& [path, file] : target.kept.value_or(KeptFiles{})) kept += file.whole ? file.bytes : 0;
    const auto view = look_at_target(target, plain_bytes_of(point.chain) - kept);
    if (view.obstacle) return base::fail(*view.obstacle);
    N4B_TRY(const auto store, at_target(storage::create_volume(target.directory, target.access)));
    std::unique_ptr<storage::Storage> log;
    if (!target.log_directory.empty()) {
        N4B_TRY(log, at_target(storage::create_volume(target.log_directory, target.access)));
    }
    std::function<bool()> still_ours;
    if (!target.of_run.empty()) still_ours = [&target] { return is_ours(target); };
    return restore(from, point,
                   {.store = *store,
                    .log = log ? *log : *store,
                    .name = target.directory,
                    .log_name = target.log_directory,
                    .progress = progress,
                    .marker = marker_text(target),
                    .process = target.process,
                    .record = target.record,
                    .blocks = target.blocks,
                    .origin = target.of_run.empty() ? std::string() : target.origin,
                    .kept = target.kept,
                    .still_ours = still_ours},
                   call);
}

Result<void> restore(ObjectStore& from, const RestorePoint& point, const OpenTarget& target, const Call& call) {
    if (!target.kept) {
        N4B_TRY_VOID(check_empty(target.store, target.name));
        // Logs of another time would be replayed into the restored store.
        if (&target.log != &target.store) N4B_TRY_VOID(check_empty(target.log, target.log_name));
        N4B_TRY_VOID(at_target(mark(target)));
    }
    return read_under_hold(
        from, point.chain.back(), [&] { return write_store(from, point, target, call); }, call);
}

}  // namespace n4b::engine
