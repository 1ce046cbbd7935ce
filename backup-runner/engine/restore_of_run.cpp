#include "backup-runner/engine/restore_of_run.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <vector>

#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/engine/store_list.hpp"
#include "common/base/notice.hpp"

namespace n4b::engine {
namespace {

using base::Result;

namespace fs = std::filesystem;

/// Names that are read before they are removed: a directory may hold any number.
constexpr std::size_t kMostNames = 1000;
constexpr std::string_view kNextMarker = "RESTORE-INCOMPLETE.next";

/// The text of a small file; nothing where there is none. One that is longer than any of ours comes cut.
std::optional<std::string> text_of(const std::string& path) {
    std::error_code ignored;
    if (!fs::is_regular_file(fs::symlink_status(path, ignored))) return std::nullopt;
    std::ifstream file(path, std::ios::binary);
    std::string text(contract::kMaxRunReportBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

std::string marker_of(const RestoreTarget& target) {
    return target.directory + "/" + kRestoreMarker;
}

/// Whether there is nothing but the marker.
Result<bool> is_alone(storage::Storage& store) {
    bool alone = true;
    N4B_TRY_VOID(at_target(store.list("", [&](const storage::Entry& entry) {
        alone = entry.name == kRestoreMarker || (entry.directory && entry.name == storage::kLostAndFound);
        return alone;
    })));
    return alone;
}

Result<void> empty(storage::Storage& store, const std::string& key, int depth) {
    if (depth > kMaxRestoredDepth) {
        return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kTargetNotEmpty,
                          fmt::format("{}: directories deeper than a restore makes", key));
    }
    for (bool more = true; more;) {
        std::vector<storage::Entry> entries;
        N4B_TRY_VOID(store.list(key, [&](const storage::Entry& entry) {
            const bool stays = key.empty() && (entry.name == kRestoreMarker ||
                                               (entry.directory && entry.name == storage::kLostAndFound));
            if (!stays) entries.push_back(entry);
            return entries.size() < kMostNames;
        }));
        more = entries.size() == kMostNames;
        for (const auto& entry : entries) {
            const auto member = key.empty() ? entry.name : key + "/" + entry.name;
            if (!entry.directory) {
                N4B_TRY_VOID(store.remove(member));
                continue;
            }
            N4B_TRY_VOID(empty(store, member, depth + 1));
            N4B_TRY(const bool gone, store.remove_directory(member));
            if (gone) continue;
            return base::fail(base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable,
                              fmt::format("{}: not empty although all in it was removed", member));
        }
    }
    return {};
}

/// The only file that a restore writes to a directory of its own for the log.
Result<void> remove_log(const RestoreTarget& target) {
    std::error_code ignored;
    if (target.log_directory.empty() || !fs::exists(target.log_directory + "/" + kLogPath, ignored)) return {};
    N4B_TRY(const auto log, storage::open_volume(target.log_directory));
    return log->remove(kLogPath);
}

Result<void> remove_everything(storage::Storage& store, const RestoreTarget& target) {
    N4B_TRY_VOID(at_target(remove_log(target)));
    N4B_TRY_VOID(at_target(empty(store, "", 0)));
    // It goes last: without it, what is left would look like somebody else's.
    N4B_TRY_VOID(at_target(store.remove(kRestoreMarker)));
    return at_target(store.sync_directory(""));
}

/// In place of another attempt's.
Result<void> put_down_marker(storage::Storage& store, const RestoreTarget& target) {
    N4B_TRY(const bool left, store.exists(kNextMarker));
    if (left) N4B_TRY_VOID(store.remove(kNextMarker));
    const auto text = marker_text(target);
    {
        N4B_TRY(const auto file, store.create(kNextMarker));
        N4B_TRY_VOID(file->write(std::as_bytes(std::span(text))));
        N4B_TRY_VOID(file->finish());
    }
    return store.replace(kNextMarker, kRestoreMarker);
}

}  // namespace

Result<std::optional<contract::RunReport>> find_restored(const RestoreTarget& target) {
    const auto text = text_of(target.directory + "/" + kRestoreRecord);
    if (!text) return std::nullopt;
    auto report = contract::parse_run_report(*text);
    if (!report || report->run_uid != target.of_run || !report->restored) return std::nullopt;
    std::error_code ignored;
    // Until the end a directory has this name.
    if (!fs::is_regular_file(target.directory + "/" + std::string(kNeostore), ignored)) return std::nullopt;
    if (fs::exists(marker_of(target), ignored)) {
        N4B_TRY(const auto store, at_target(storage::open_volume(target.directory)));
        N4B_TRY_VOID(at_target(store->remove(kRestoreMarker)));
        N4B_TRY_VOID(at_target(store->sync_directory("")));
    }
    return std::optional(std::move(*report));
}

std::string marker_text(const RestoreTarget& target) {
    return target.of_run.empty() ? std::string() : fmt::format("{} {}", target.of_run, target.process);
}

bool is_ours(const RestoreTarget& target) {
    return text_of(marker_of(target)) == marker_text(target);
}

Result<void> take_over(const RestoreTarget& target) {
    const auto owner = text_of(marker_of(target));
    if (!owner) return {};
    N4B_TRY(const auto store, at_target(storage::open_volume(target.directory)));
    if (!owner->starts_with(target.of_run + " ")) {
        // An attempt that ended while it put the marker down has made nothing else.
        N4B_TRY(const bool alone, is_alone(*store));
        if (!owner->empty() || !alone) return {};
    }
    base::info(fmt::format("{}: removing what an earlier attempt has left unfinished", target.directory));
    N4B_TRY_VOID(at_target(put_down_marker(*store, target)));
    return remove_everything(*store, target);
}

Result<void> remove_own(const RestoreTarget& target) {
    if (!is_ours(target)) return {};
    N4B_TRY(const auto store, at_target(storage::open_volume(target.directory)));
    return remove_everything(*store, target);
}

}  // namespace n4b::engine
