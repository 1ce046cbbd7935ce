#include "backup-runner/engine/restore.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "backup-runner/engine/artifact_reader.hpp"
#include "backup-runner/engine/artifact_writer.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr std::string_view kNeostore = "neostore";
/// The real one, until all else is durable.
constexpr std::string_view kWaitingNeostore = "RESTORE-INCOMPLETE.neostore";

Result<void> write_file(storage::Storage& storage, const Artifact& artifact, const archive::IndexFile& file,
                        storage::Storage& target, std::string_view path) {
    N4B_TRY(const auto writer, target.create(path));
    N4B_TRY_VOID(
        read_file(storage, artifact, file, [&](std::span<const std::byte> bytes) { return writer->write(bytes); }));
    return writer->finish();
}

Result<void> restore_file(storage::Storage& storage, const Artifact& artifact, const archive::IndexFile& file,
                          storage::Storage& target) {
    N4B_TRY(const auto path, restored_path(file));
    const auto slash = path.rfind('/');
    auto written = slash == std::string::npos ? Result<void>{} : target.make_directories(path.substr(0, slash));
    if (written) written = write_file(storage, artifact, file, target, path);
    if (written || written.error().code != ErrorCode::kAlreadyExists) return written;
    // The target was empty, so what is in the way comes from the index itself.
    return base::fail(
        ErrorCode::kDataLoss, Reason::kArtifactDamaged,
        fmt::format("index: the path {} is there twice, or reserved for restores", archive::quoted_name(file.path)));
}

Result<void> check_empty(storage::Storage& target, const std::string& directory) {
    std::optional<std::string> member;
    N4B_TRY_VOID(target.list("", [&](const storage::Entry& entry) {
        if (entry.directory && entry.name == storage::kLostAndFound) return true;
        member = entry.name;
        return entry.name == kRestoreMarker;
    }));
    if (!member) return {};
    N4B_TRY(const bool interrupted, target.exists(kRestoreMarker));
    return base::fail(ErrorCode::kFailedPrecondition, Reason::kTargetNotEmpty,
                      fmt::format("{} is not empty ({}); a restore writes only into an empty directory", directory,
                                  interrupted ? "an earlier restore was cut off there; remove it first"
                                              : "it holds " + archive::quoted_name(*member)));
}

std::string reach_of(const Artifact& artifact) {
    const auto& head = artifact.head;
    return fmt::format("chain {} of {}, up to transaction {}{}", head.chain, base::format_rfc3339(head.end),
                       head.highest.id, head.highest.time ? " of " + base::format_rfc3339(*head.highest.time) : "");
}

/// Which of two is meant only a person knows: the database may have been set back in between.
base::Error two_histories(const Artifact& furthest, const Artifact& newest) {
    return {
        .code = ErrorCode::kFailedPrecondition,
        .message = fmt::format("the newest backup ({}) does not reach as far as an earlier one ({}): the database was "
                               "set back or replaced in between, or its source lagged; name the chain to restore",
                               reach_of(newest), reach_of(furthest)),
        .reason = Reason::kInvalidRunSpec};
}

bool is_log(const archive::IndexFile& file) {
    return file.key.starts_with(archive::kTransactionLog);
}

/// All files of an artifact, into a directory that bears the marker.
Result<void> write_store(storage::Storage& storage, const Artifact& artifact, const OpenTarget& target) {
    auto& store = target.store;
    // A server that finds no neostore, or one that it can't read, makes a new one beside what is there and starts,
    // without a word. It refuses to start on a directory of that name.
    N4B_TRY_VOID(store.make_directories(kNeostore));
    std::optional<archive::IndexFile> neostore;
    N4B_TRY_VOID(read_index(storage, artifact, [&](const archive::IndexLine& line) -> Result<void> {
        const auto* file = std::get_if<archive::IndexFile>(&line);
        if (file == nullptr) return {};
        if (file->path == kNeostore) {
            neostore = *file;
            return {};
        }
        return restore_file(storage, artifact, *file, is_log(*file) ? target.log : store);
    }));
    if (!neostore) {
        return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged, "index: there is no neostore in it");
    }
    N4B_TRY_VOID(write_file(storage, artifact, *neostore, store, kWaitingNeostore));
    // Every directory: a file's own fsync makes its contents durable, not its name. The log comes first: a server that
    // finds a store and no log opens the store as it is, without recovery and without a word.
    if (&target.log != &store) N4B_TRY_VOID(list_objects(target.log, "", SyncDirectories::kYes));
    N4B_TRY_VOID(list_objects(store, "", SyncDirectories::kYes));
    N4B_TRY_VOID(store.replace_directory(kWaitingNeostore, kNeostore));
    N4B_TRY_VOID(store.remove(kRestoreMarker));
    return store.sync_directory("");
}

}  // namespace

Result<Artifact> choose_artifact(storage::Storage& storage, const std::string& source, const std::string& database,
                                 const std::string& chain, const PassedOverHead& passed_over) {
    if (!chain.empty()) N4B_TRY_VOID(check_chain_open(storage, source, database, chain));
    std::optional<Artifact> best;
    std::optional<Artifact> newest;
    std::optional<base::Error> first_bad;
    std::optional<FoundHead> newest_bad;
    const Scope scope{.source = source, .database = database, .chain = chain};
    N4B_TRY_VOID(walk_heads(storage, scope, Order::kOldestFirst, [&](FoundHead head) {
        if (head.artifact) {
            // Of equal reach the later chain wins: it was checked against a younger server.
            if (!best || head.artifact->head.highest.id >= best->head.highest.id) best = *head.artifact;
            newest = std::move(*head.artifact);
            return true;
        }
        if (!first_bad) first_bad = head.artifact.error();
        // Who names a chain wants that one, whole.
        if (!chain.empty()) return false;
        if (newest_bad) passed_over(*newest_bad);
        newest_bad = std::move(head);
        return true;
    }));
    if (first_bad && (!best || !chain.empty())) return base::fail(*first_bad);
    if (!best) {
        return base::fail(
            ErrorCode::kNotFound, Reason::kArtifactNotFound,
            fmt::format("no backup of {}/{}{}", source, database, chain.empty() ? "" : " in chain " + chain));
    }
    if (newest_bad) {
        // Whatever keeps the newest backup from being read, an older one in its place would be a loss that nobody asked
        // for. A directory that can't be listed may hold the newest.
        if (newest_bad->chain.empty() || newest_bad->chain >= newest->head.chain) {
            return base::fail(newest_bad->artifact.error().wrap(
                fmt::format("what is or may be the newest backup can't be read; mend that, or name the chain to "
                            "restore (--chain), such as {}",
                            best->head.chain)));
        }
        passed_over(*newest_bad);
    }
    if (newest->head.highest.id < best->head.highest.id) return base::fail(two_histories(*best, *newest));
    return std::move(*best);
}

Result<void> restore(storage::Storage& storage, const Artifact& artifact, const RestoreTarget& target) {
    N4B_TRY(const auto store, storage::create_volume(target.directory, target.owner));
    if (target.log_directory.empty()) {
        return restore(storage, artifact, {.store = *store, .log = *store, .name = target.directory});
    }
    N4B_TRY(const auto log, storage::create_volume(target.log_directory, target.owner));
    std::error_code unknown;
    if (std::filesystem::equivalent(target.directory, target.log_directory, unknown)) {
        return base::fail(ErrorCode::kInvalid, Reason::kInvalidRunSpec,
                          fmt::format("the directory of the transaction log: found {}, which is the target itself; "
                                      "expected another one, or none",
                                      target.log_directory));
    }
    return restore(storage, artifact,
                   {.store = *store, .log = *log, .name = target.directory, .log_name = target.log_directory});
}

Result<void> restore(storage::Storage& storage, const Artifact& artifact, const OpenTarget& target) {
    N4B_TRY_VOID(check_empty(target.store, target.name));
    // Logs of another time would be replayed into the restored store.
    if (&target.log != &target.store) N4B_TRY_VOID(check_empty(target.log, target.log_name));
    {
        N4B_TRY(const auto marker, target.store.create(kRestoreMarker));
        N4B_TRY_VOID(marker->finish());
        N4B_TRY_VOID(target.store.sync_directory(""));
    }
    return not_closed_meanwhile(storage, artifact, write_store(storage, artifact, target));
}

}  // namespace n4b::engine
