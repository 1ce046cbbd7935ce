#include "backup-runner/engine/restore_of_run.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/engine/store_list.hpp"
#include "common/base/notice.hpp"
#include "common/base/saturating.hpp"

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

/// Removes what is not to stay, by its path. Returns whether anything below the key stays.
Result<bool> empty(storage::Storage& store, const std::string& key, const std::set<std::string>& staying, int depth) {
    bool any = false;
    if (depth > kMaxRestoredDepth) {
        return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kTargetNotEmpty,
                          fmt::format("{}: directories deeper than a restore makes", key));
    }
    std::set<std::string> passed;  // Directories in which something stays.
    for (bool more = true; more;) {
        std::vector<storage::Entry> entries;
        N4B_TRY_VOID(store.list(key, [&](const storage::Entry& entry) {
            const auto member = key.empty() ? entry.name : key + "/" + entry.name;
            const bool foreign = key.empty() && entry.directory && entry.name == storage::kLostAndFound;
            const bool stays = staying.contains(member) || (entry.directory && passed.contains(member));
            any = any || stays;
            if (!stays && !foreign) entries.push_back(entry);
            return entries.size() < kMostNames;
        }));
        more = entries.size() == kMostNames;
        for (const auto& entry : entries) {
            const auto member = key.empty() ? entry.name : key + "/" + entry.name;
            if (!entry.directory) {
                N4B_TRY_VOID(store.remove(member));
                continue;
            }
            N4B_TRY(const bool stays, empty(store, member, staying, depth + 1));
            if (stays) {
                any = true;
                passed.insert(member);
                continue;
            }
            N4B_TRY(const bool gone, store.remove_directory(member));
            if (gone) continue;
            return base::fail(base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable,
                              fmt::format("{}: not empty although all in it was removed", member));
        }
    }
    return any;
}

/// The only files that a restore writes to a directory of its own for the log.
Result<void> remove_log(const RestoreTarget& target, const std::set<std::string>& staying) {
    std::error_code ignored;
    if (target.log_directory.empty()) return {};
    for (const auto& name : {std::string(kLogPath), unfinished_name(kLogPath)}) {
        if (staying.contains(name) || !fs::exists(target.log_directory + "/" + name, ignored)) continue;
        N4B_TRY(const auto log, storage::open_volume(target.log_directory));
        N4B_TRY_VOID(log->remove(name));
    }
    return {};
}

Result<void> remove_everything(storage::Storage& store, const RestoreTarget& target) {
    N4B_TRY_VOID(at_target(remove_log(target, {})));
    N4B_TRY([[maybe_unused]] const bool stays, at_target(empty(store, "", {kRestoreMarker}, 0)));
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

std::int64_t bytes_of(const KeptFiles& kept) {
    std::int64_t sum = 0;
    for (const auto& [path, file] : kept) sum = base::saturating_sum(sum, file.bytes);
    return sum;
}

/// What a killed attempt has left.
class Left {
public:
    Left(const RestoreTarget& target, storage::Storage& store) : target_(target), store_(store) {}

    /// What of it can be kept; all else is removed.
    Result<KeptFiles> take(std::int64_t bytes) {
        KeptFiles kept;
        for (const auto& [path, file] : read_journal(target_.directory, target_.origin)) {
            N4B_TRY(const bool stays, file.whole ? has(path, file.bytes, true) : set_aside(path, file.bytes));
            if (stays) kept.emplace(path, file);
        }
        if (!has_room(kept, bytes)) std::erase_if(kept, [](const auto& each) { return !each.second.whole; });
        // The directory in place of neostore keeps servers away meanwhile, too.
        std::set<std::string> staying{kRestoreMarker, kRestoreJournal, std::string(kNeostore)};
        for (const auto& [path, file] : kept) staying.insert(file.whole ? path : unfinished_name(path));
        N4B_TRY([[maybe_unused]] const bool any, empty(store_, "", staying, 0));
        N4B_TRY_VOID(remove_log(target_, staying));
        return kept;
    }

private:
    /// The log may be elsewhere.
    [[nodiscard]] std::string directory_of(const std::string& path) const {
        const bool elsewhere = path == kLogPath && !target_.log_directory.empty();
        return elsewhere ? target_.log_directory : target_.directory;
    }
    [[nodiscard]] Result<bool> has(const std::string& path, std::int64_t bytes, bool exactly) const {
        std::error_code error;
        const fs::path file = directory_of(path) + "/" + path;
        if (!fs::is_regular_file(fs::symlink_status(file, error))) return false;
        const auto found = fs::file_size(file, error);
        if (error) return false;
        return exactly ? found == static_cast<std::uintmax_t>(bytes) : found >= static_cast<std::uintmax_t>(bytes);
    }

    /// Gives what is unfinished a name of its own, which a process that still writes to it does not know.
    Result<bool> set_aside(const std::string& path, std::int64_t bytes) {
        if (bytes % static_cast<std::int64_t>(storage::kDirectAlignment) != 0) return false;
        const auto aside = unfinished_name(path);
        std::error_code ignored;
        // Of an attempt before that one: what that one has made durable since is less.
        if (fs::exists(directory_of(path) + "/" + aside, ignored)) return has_aside(path, bytes);
        N4B_TRY(const bool there, has(path, bytes, false));
        if (!there) return false;
        const auto directory = directory_of(path);
        if (directory == target_.directory) {
            N4B_TRY_VOID(store_.replace(path, aside));
            return true;
        }
        N4B_TRY(const auto log, storage::open_volume(directory));
        N4B_TRY_VOID(log->replace(path, aside));
        return true;
    }
    [[nodiscard]] bool has_aside(const std::string& path, std::int64_t bytes) const {
        std::error_code error;
        const auto found = fs::file_size(directory_of(path) + "/" + unfinished_name(path), error);
        return !error && found >= static_cast<std::uintmax_t>(bytes);
    }

    /// What is unfinished is copied, and goes when that is durable.
    [[nodiscard]] bool has_room(const KeptFiles& kept, std::int64_t bytes) const {
        std::int64_t whole = 0;
        for (const auto& [path, file] : kept) whole = base::saturating_sum(whole, file.whole ? file.bytes : 0);
        const auto available = look_at_target(target_, 0).available;
        return !available || *available >= bytes - whole;
    }

    const RestoreTarget& target_;
    storage::Storage& store_;
};

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
        if (fs::exists(target.directory + "/" + kRestoreJournal, ignored)) {
            N4B_TRY_VOID(at_target(store->remove(kRestoreJournal)));
        }
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

Result<std::optional<KeptFiles>> take_over(const RestoreTarget& target, std::int64_t bytes) {
    const auto owner = text_of(marker_of(target));
    if (!owner) return std::nullopt;
    N4B_TRY(const auto store, at_target(storage::open_volume(target.directory)));
    if (!owner->starts_with(target.of_run + " ")) {
        // An attempt that ended while it put the marker down has made nothing else.
        N4B_TRY(const bool alone, is_alone(*store));
        if (!owner->empty() || !alone) return std::nullopt;
    }
    N4B_TRY_VOID(at_target(put_down_marker(*store, target)));
    if (!target.origin.empty()) {
        N4B_TRY(auto kept, at_target(Left(target, *store).take(bytes)));
        if (!kept.empty()) {
            base::info(fmt::format("{}: going on where an earlier attempt was cut off; {} bytes are there",
                                   target.directory, bytes_of(kept)));
            return std::optional(std::move(kept));
        }
    }
    base::info(fmt::format("{}: removing what an earlier attempt has left unfinished", target.directory));
    N4B_TRY_VOID(remove_everything(*store, target));
    return std::nullopt;
}

Result<void> remove_own(const RestoreTarget& target) {
    if (!is_ours(target)) return {};
    N4B_TRY(const auto store, at_target(storage::open_volume(target.directory)));
    return remove_everything(*store, target);
}

}  // namespace n4b::engine
