#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backup-runner/archive/head.hpp"
#include "common/base/result.hpp"

namespace n4b::archive {

/// The index of an artifact is JSON Lines, so that it is written and read in constant memory: a first line with the
/// format, a line a file in the order they were finished, lines that tell where transactions stand in the log, and a
/// last line that counts the others.
inline constexpr std::size_t kMaxIndexLineBytes = 16 * 1024;

struct IndexHeader {
    std::int64_t format = kFormat;
    bool operator==(const IndexHeader&) const = default;
};

/// A stored file. The transaction log is one too: its path is the name it has in a database directory.
struct IndexFile {
    std::string path;  ///< True name, as in a database directory.
    std::string key;   ///< Below data/<artifact>.
    Stored stored{};
    /// Fields of `neostore` that differ from what the server sent.
    std::vector<std::string> patched{};
    bool operator==(const IndexFile&) const = default;
};

/// Transaction `id` begins at `offset` of the plain transaction log; no commit time before it is later than
/// `latest_time_ms`.
struct IndexTransaction {
    std::int64_t id = 0;
    std::int64_t offset = 0;
    std::int64_t latest_time_ms = 0;
    bool operator==(const IndexTransaction&) const = default;
};

struct IndexEnd {
    std::int64_t files = 0;
    std::int64_t transactions = 0;  ///< Lines, not transactions of the log.
    bool operator==(const IndexEnd&) const = default;
};

using IndexLine = std::variant<IndexHeader, IndexFile, IndexTransaction, IndexEnd>;

/// One line with its newline.
std::string to_line(const IndexLine& line);

/// Reads a line strictly. Invalid (ArtifactDamaged).
base::Result<IndexLine> parse_index_line(std::string_view line);

}  // namespace n4b::archive
