#include "backup-runner/engine/restore_target.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

namespace fs = std::filesystem;

/// The directory itself or, where it is missing, what it would be made in.
fs::path nearest_there(const std::string& directory) {
    std::error_code error;
    auto path = fs::absolute(directory, error);
    while (path.has_relative_path() && !fs::exists(path, error)) path = path.parent_path();
    return path;
}

base::Error not_writable(const fs::path& path, int error) {
    return {.code = ErrorCode::kFailedPrecondition,
            .message = fmt::format("write below {}: {}", path.string(), std::generic_category().message(error)),
            .reason = Reason::kTargetNotWritable};
}

std::optional<base::Error> obstacle_at(const std::string& directory, bool taken_over) {
    const auto there = nearest_there(directory);
    struct stat status {};
    if (::stat(there.c_str(), &status) != 0) return not_writable(there, errno);
    if (!S_ISDIR(status.st_mode)) return not_writable(there, ENOTDIR);
    if (!taken_over && fs::path(there) == fs::absolute(directory)) {
        const auto volume = storage::open_volume(directory);
        if (!volume) return at_target(volume.error());
        if (const auto empty = check_empty(**volume, directory); !empty) return empty.error();
    }
    if (::eaccess(there.c_str(), W_OK | X_OK) != 0) return not_writable(there, errno);
    return std::nullopt;
}

/// Also of a directory that is not there yet.
fs::path true_path(const std::string& directory) {
    std::error_code error;
    auto path = fs::weakly_canonical(fs::absolute(directory), error);
    return path.has_filename() ? path : path.parent_path();
}

bool is_within(const fs::path& inner, const fs::path& outer) {
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// Each directory has to be empty, which one that holds the other never is; and a server takes what lies in its
/// database's directory for its own.
std::optional<base::Error> obstacle_between(const RestoreTarget& target) {
    const auto store = true_path(target.directory);
    const auto log = true_path(target.log_directory);
    if (!is_within(log, store) && !is_within(store, log)) return std::nullopt;
    return base::Error{
        .code = ErrorCode::kInvalid,
        .message = fmt::format("the target {} and the directory of its transaction log {} (path and "
                               "transactionLogPath, or --to and --tx-log-to): found {}; expected two directories of "
                               "which neither holds the other, or the first alone",
                               target.directory, target.log_directory,
                               store == log ? "the same directory" : "one within the other"),
        .reason = Reason::kInvalidRunSpec};
}

struct Room {
    std::optional<std::int64_t> available{};
    std::uint64_t device = 0;
};

Room room_at(const std::string& directory) {
    const auto there = nearest_there(directory);
    Room room;
    struct stat status {};
    if (::stat(there.c_str(), &status) == 0) room.device = status.st_dev;
    struct statvfs space {};
    // Drivers that have no such figures say that all of it is nothing.
    if (::statvfs(there.c_str(), &space) != 0 || space.f_blocks == 0) return room;
    room.available = static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
    return room;
}

std::optional<std::int64_t> available_at(const RestoreTarget& target) {
    const auto store = room_at(target.directory);
    if (target.log_directory.empty()) return store.available;
    const auto log = room_at(target.log_directory);
    if (log.device == store.device || !store.available || !log.available) return store.available;
    // File systems without a limit tell of nearly 2^63 bytes each.
    return base::saturating_sum(*store.available, *log.available);
}

}  // namespace

TargetView look_at_target(const RestoreTarget& target, std::int64_t bytes) {
    TargetView view{.available = available_at(target)};
    const bool elsewhere = !target.log_directory.empty();
    if (elsewhere) view.obstacle = obstacle_between(target);
    if (!view.obstacle) view.obstacle = obstacle_at(target.directory, target.kept.has_value());
    // Logs of another time would be replayed into the restored store.
    if (!view.obstacle && elsewhere) view.obstacle = obstacle_at(target.log_directory, target.kept.has_value());
    if (!view.obstacle && !target.ignore_room && view.available && *view.available < bytes) {
        view.obstacle = {.code = ErrorCode::kFailedPrecondition,
                         .message = fmt::format("{}: found {} free bytes, expected the {} of the backup",
                                                target.directory, *view.available, bytes),
                         .reason = Reason::kTargetFull};
    }
    return view;
}

Result<void> check_empty(storage::Storage& target, const std::string& directory) {
    std::optional<std::string> member;
    N4B_TRY_VOID(at_target(target.list("", [&](const storage::Entry& entry) {
        if (entry.directory && entry.name == storage::kLostAndFound) return true;
        member = entry.name;
        return entry.name == kRestoreMarker;
    })));
    if (!member) return {};
    N4B_TRY(const bool interrupted, at_target(target.exists(kRestoreMarker)));
    return base::fail(ErrorCode::kFailedPrecondition, Reason::kTargetNotEmpty,
                      fmt::format("{} is not empty ({}); a restore writes only into an empty directory", directory,
                                  interrupted ? "an earlier restore was cut off there; remove it first"
                                              : "it holds " + archive::quoted_name(*member)));
}

base::Error at_target(base::Error error) {
    switch (error.reason.value_or(Reason::kInternalError)) {
        case Reason::kStorageFull:
            error.reason = Reason::kTargetFull;
            break;
        case Reason::kStorageReadOnly:
        case Reason::kStoragePermission:
        case Reason::kStorageUnavailable:
        case Reason::kArtifactConflict:  // Of a name that is taken.
            error.reason = Reason::kTargetNotWritable;
            break;
        default:
            break;
    }
    return error;
}

}  // namespace n4b::engine
