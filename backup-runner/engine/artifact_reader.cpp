#include "backup-runner/engine/artifact_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "backup-runner/archive/digest.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr std::size_t kReadBytes = 256 * 1024;

tl::unexpected<base::Error> damaged(std::string text) {
    return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged, std::move(text));
}

/// What an artifact promises and does not hold is damage, whatever the file system calls it.
Result<void> as_damage(Result<void> result) {
    if (result || result.error().code != ErrorCode::kNotFound) return result;
    return damaged(result.error().message);
}

/// Reads an object, checks the sizes and digests of both forms, and hands on the plain one.
Result<void> read_object(storage::Storage& storage, const std::string& key, bool compressed,
                         const archive::Stored& expected, const archive::ByteSink& sink) {
    N4B_TRY(const auto reader, storage.open(key));
    archive::Sha256 stored_digest;
    archive::Sha256 plain_digest;
    std::int64_t stored_bytes = 0;
    std::int64_t plain_bytes = 0;
    bool sink_failed = false;
    const archive::ByteSink plain = [&](std::span<const std::byte> bytes) -> Result<void> {
        plain_bytes += static_cast<std::int64_t>(bytes.size());
        // The size is checked here, and not after the input has been read, since a few stored bytes may expand without
        // end.
        if (plain_bytes > expected.bytes) return damaged(fmt::format("longer than {} bytes", expected.bytes));
        plain_digest.update(bytes);
        auto passed = sink(bytes);
        sink_failed = !passed;
        return passed;
    };
    std::optional<archive::ZstdDecompressor> decompressor;
    if (compressed) decompressor.emplace();
    std::vector<std::byte> buffer(kReadBytes);
    for (;;) {
        N4B_TRY(const auto n, reader->read_some(buffer));
        if (n == 0) break;
        const auto bytes = std::span<const std::byte>(buffer).first(n);
        stored_bytes += static_cast<std::int64_t>(n);
        if (stored_bytes > expected.stored_bytes) {
            return damaged(fmt::format("{}: stored in more than {} bytes", key, expected.stored_bytes));
        }
        if (compressed) stored_digest.update(bytes);
        if (auto passed = compressed ? decompressor->write(bytes, plain) : plain(bytes); !passed) {
            return base::fail(sink_failed ? passed.error() : passed.error().wrap(key));
        }
    }
    if (compressed) {
        if (auto ended = decompressor->finish(); !ended) return base::fail(ended.error().wrap(key));
    }
    if (stored_bytes != expected.stored_bytes || plain_bytes != expected.bytes) {
        return damaged(fmt::format("{}: {} bytes stored and {} plain, {} and {} expected", key, stored_bytes,
                                   plain_bytes, expected.stored_bytes, expected.bytes));
    }
    const auto digest = plain_digest.finish();
    if (digest != expected.digest || (compressed ? stored_digest.finish() : digest) != expected.stored_digest) {
        return damaged(fmt::format("{}: the digest does not match", key));
    }
    return {};
}

/// Cuts a byte stream into lines and parses them.
class LineCutter {
public:
    explicit LineCutter(const std::function<Result<void>(const archive::IndexLine&)>& take) : take_(take) {}

    Result<void> write(std::span<const std::byte> bytes) {
        std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
            line_ += rest.substr(0, end);
            rest.remove_prefix(end + 1);
            N4B_TRY_VOID(line());
        }
        line_ += rest;
        if (line_.size() > archive::kMaxIndexLineBytes) return damaged("index: a line is too long");
        return {};
    }

    Result<void> finish() {
        if (!line_.empty() || !ended_) return damaged("index: it does not end with its last line");
        return {};
    }

private:
    Result<void> line() {
        N4B_TRY(const auto parsed, archive::parse_index_line(line_));
        line_.clear();
        if (ended_ || std::holds_alternative<archive::IndexHeader>(parsed) != (lines_ == 0)) {
            return damaged("index: its first or last line stands elsewhere");
        }
        ++lines_;
        if (std::holds_alternative<archive::IndexFile>(parsed)) ++counted_.files;
        if (std::holds_alternative<archive::IndexTransaction>(parsed)) ++counted_.transactions;
        if (const auto* end = std::get_if<archive::IndexEnd>(&parsed)) {
            ended_ = true;
            if (*end != counted_) return damaged("index: lines are missing");
        }
        return take_(parsed);
    }

    const std::function<Result<void>(const archive::IndexLine&)>& take_;
    std::string line_{};
    std::int64_t lines_ = 0;
    archive::IndexEnd counted_{};
    bool ended_ = false;
};

/// Whether no component of a key is empty, "." or "..".
bool stays_below(std::string_view key) {
    for (std::size_t at = 0; at <= key.size();) {
        const auto end = std::min(key.find('/', at), key.size());
        const auto component = key.substr(at, end - at);
        if (component.empty() || component == "." || component == "..") return false;
        at = end + 1;
    }
    return true;
}

}  // namespace

Result<void> read_index(storage::Storage& storage, const Artifact& artifact,
                        const std::function<Result<void>(const archive::IndexLine&)>& take) {
    const auto key = fmt::format("{}/{}", artifact.keys.data, archive::kIndex);
    // Twice: nothing is acted on before all of it is known to be what the head promises.
    const archive::ByteSink ignore = [](std::span<const std::byte>) { return Result<void>{}; };
    N4B_TRY_VOID(as_damage(read_object(storage, key, true, artifact.head.index, ignore)));
    LineCutter cutter(take);
    N4B_TRY_VOID(read_object(storage, key, true, artifact.head.index,
                             [&](std::span<const std::byte> bytes) { return cutter.write(bytes); }));
    return cutter.finish();
}

Result<std::string> restored_path(const archive::IndexFile& file) {
    auto path = archive::file_path(file.path);
    if (path) return path;
    return damaged(
        fmt::format("index: the path {} is none of a store file; expected a relative one, in UTF-8, without "
                    "\"..\" and control characters",
                    archive::quoted_name(file.path)));
}

Result<void> read_file(storage::Storage& storage, const Artifact& artifact, const archive::IndexFile& file,
                       const archive::ByteSink& sink) {
    // The key comes from an index whose digest matched; it is still not allowed to leave the artifact.
    if (!stays_below(file.key)) {
        return damaged(fmt::format("index: the key {} leaves the artifact", archive::quoted_name(file.key)));
    }
    return as_damage(
        read_object(storage, artifact.keys.data + "/" + file.key, artifact.head.encoding == "zstd", file.stored, sink));
}

namespace {

Result<void> check_everything(storage::Storage& storage, const Artifact& artifact) {
    const archive::ByteSink ignore = [](std::span<const std::byte>) { return Result<void>{}; };
    N4B_TRY_VOID(as_damage(check_listing(storage, artifact)));
    std::int64_t bytes = 0;
    std::int64_t stored_bytes = 0;
    std::int64_t files = 0;
    N4B_TRY_VOID(read_index(storage, artifact, [&](const archive::IndexLine& line) -> Result<void> {
        const auto* file = std::get_if<archive::IndexFile>(&line);
        if (file == nullptr) return {};
        N4B_TRY_VOID(restored_path(*file));
        ++files;
        bytes += file->stored.bytes;
        stored_bytes += file->stored.stored_bytes;
        return read_file(storage, artifact, *file, ignore);
    }));
    const auto& head = artifact.head;
    // The log is a file of the index, and none of the head's.
    if (bytes != head.bytes || stored_bytes != head.stored_bytes || files != head.files + 1) {
        return damaged(fmt::format("{}: the index counts {} files of {} bytes, {} stored; the head {}, {} and {}",
                                   artifact.keys.data, files, bytes, stored_bytes, head.files + 1, head.bytes,
                                   head.stored_bytes));
    }
    return {};
}

}  // namespace

Result<void> verify(storage::Storage& storage, const Artifact& artifact) {
    return not_closed_meanwhile(storage, artifact, check_everything(storage, artifact));
}

}  // namespace n4b::engine
