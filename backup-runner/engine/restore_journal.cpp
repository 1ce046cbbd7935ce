#include "backup-runner/engine/restore_journal.hpp"

#include <fmt/format.h>

#include <fstream>
#include <span>
#include <utility>

#include "backup-runner/engine/restored_content.hpp"
#include "common/base/json_object.hpp"

namespace n4b::engine {
namespace {

using base::Json;
using base::Result;

constexpr char kNextJournal[] = "RESTORE-INCOMPLETE.journal.next";
constexpr char kUnfinished[] = ".RESTORE-INCOMPLETE";
/// A path of a store file has at most 4096 bytes, of which JSON makes at most six each.
constexpr std::streamsize kMostLineBytes = 32 * 1024;
/// Files that are told of, some 200 bytes of memory each for the attempt that reads of them.
constexpr std::size_t kMostFiles = 10'000;

Result<void> write_line(storage::Writer& file, const Json& line) {
    // What is no text is told as something else, which then is no file of the store and is not kept.
    const auto text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return file.write(std::as_bytes(std::span(text)));
}

Json line_of(const std::string& path, const KeptFile& file) {
    return {{"path", path}, {"bytes", file.bytes}, {"whole", file.whole}};
}

/// Whether it is a path that a restore writes to, and none that leads out of the store.
bool is_of_store(const std::string& path) {
    return path == kLogPath || RestoredContent{}.add_file(path, 0).value_or("") == path;
}

/// One whole line; nothing: there is none any more, or it is too long or no JSON.
std::optional<Json> next_line(std::ifstream& file) {
    std::string text(kMostLineBytes, '\0');
    if (!file.getline(text.data(), kMostLineBytes) || file.eof()) return std::nullopt;
    text.resize(static_cast<std::size_t>(file.gcount()) - 1);
    auto line = base::parse_json(text, text.size(), kRestoreJournal);
    return line ? std::optional(*std::move(line)) : std::nullopt;
}

/// What a line says of a file; nothing: that is none of ours.
std::optional<std::pair<std::string, KeptFile>> read_line(const Json& line) {
    base::JsonObject object(line, kRestoreJournal);
    auto path = object.required<std::string>("path");
    const KeptFile file{.bytes = object.required<std::int64_t>("bytes"), .whole = object.required<bool>("whole")};
    if (!object.finish() || file.bytes <= 0 || !is_of_store(path)) return std::nullopt;
    return std::pair(std::move(path), file);
}

}  // namespace

std::string unfinished_name(const std::string& path) {
    return path + kUnfinished;
}

std::string origin_of(const RestorePoint& point) {
    const auto& last = point.chain.back();
    return fmt::format("{} {} {} {}", last.key, last.digest, point.transaction, point.log_bytes.value_or(-1));
}

Result<RestoreJournal> RestoreJournal::begin(storage::Storage& in, const std::string& origin, const KeptFiles& kept) {
    N4B_TRY(const bool left, in.exists(kNextJournal));
    if (left) N4B_TRY_VOID(in.remove(kNextJournal));
    N4B_TRY(auto file, in.create(kNextJournal));
    N4B_TRY_VOID(write_line(*file, {{"restores", origin}}));
    for (const auto& [path, each] : kept) N4B_TRY_VOID(write_line(*file, line_of(path, each)));
    N4B_TRY([[maybe_unused]] const auto bytes, file->sync());
    N4B_TRY_VOID(in.replace(kNextJournal, kRestoreJournal));
    return RestoreJournal(std::move(file));
}

Result<void> RestoreJournal::tell(const std::string& path, const KeptFile& file) {
    return write_line(*file_, line_of(path, file));
}

Result<void> RestoreJournal::finished(const std::string& path, std::int64_t bytes) {
    return tell(path, {.bytes = bytes, .whole = true});
}

Result<void> RestoreJournal::reached(const std::string& path, std::int64_t bytes) {
    return tell(path, {.bytes = bytes, .whole = false});
}

Result<void> RestoreJournal::sync() {
    N4B_TRY([[maybe_unused]] const auto bytes, file_->sync());
    return {};
}

KeptFiles read_journal(const std::string& directory, const std::string& origin) {
    std::ifstream file(directory + "/" + kRestoreJournal, std::ios::binary);
    const auto first = next_line(file);
    if (!first || *first != Json{{"restores", origin}}) return {};
    KeptFiles kept;
    while (const auto line = next_line(file)) {
        auto read = read_line(*line);
        if (!read) break;
        if (kept.size() < kMostFiles || kept.contains(read->first)) kept[std::move(read->first)] = read->second;
    }
    return kept;
}

}  // namespace n4b::engine
