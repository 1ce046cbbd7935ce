#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backup-runner/format/head.hpp"

namespace n4b::format {

/// The index of an artifact is JSON Lines, written and read in constant memory. A reader goes over it twice: first for
/// the tries that are done, then for what they hold.
///
/// The order of lines that can be relied on: the line of a block comes right before those of its extents, in the order
/// of their place in it; the extents of a try come in the order of their place in the file; open comes before extents.
inline constexpr std::size_t kMaxIndexLineBytes = 32 * 1024;
inline constexpr std::int64_t kMaxTry = 1'048'576;  ///< A reader keeps 16 bytes for each.
inline constexpr std::size_t kMaxGroupTransactions = 1'000;
inline constexpr std::int64_t kMaxGroupBytes = 1024 * 1024;  ///< But one transaction at least, whatever its length.

/// A file begins, or begins anew after its connection broke. Tries are numbered from 1 on.
struct OpenLine {
    std::int64_t number = 0;
    std::optional<std::string> path{};  ///< As in a database directory; nothing: it is the transaction log.
    bool operator==(const OpenLine&) const = default;
};

/// `plain_length` bytes of a try from `plain_offset` on, in one block: whole zstd frames, or (without xxh3) plain.
struct Extent {
    std::int64_t number = 0;  ///< The try.
    std::int64_t plain_offset = 0;
    std::int64_t plain_length = 0;
    std::int64_t block = 0;
    std::int64_t block_offset = 0;
    std::int64_t stored_length = 0;
    std::optional<std::uint64_t> xxh3{};  ///< XXH3-64 of the plain bytes, 16 hexadecimal digits in the text.
    bool operator==(const Extent&) const = default;
};

/// A try is complete. Without this line it does not exist.
struct DoneLine {
    std::int64_t number = 0;
    std::int64_t bytes = 0;
    bool operator==(const DoneLine&) const = default;
};

/// Transactions that follow each other.
struct TransactionGroup {
    std::int64_t first = 0;               ///< Id.
    std::int64_t offset = 0;              ///< Of its first byte, in the log.
    std::int64_t latest_time_ms = 0;      ///< No transaction up to the end of the group was committed later.
    std::vector<std::int64_t> lengths{};  ///< Of each; at least one.
    bool operator==(const TransactionGroup&) const = default;
};

using IndexLine = std::variant<OpenLine, BlockDigest, Extent, DoneLine, TransactionGroup>;

/// One line with its newline.
std::string to_line(const IndexLine& line);

/// Reads a line, without its newline, strictly. DataLoss (ArtifactDamaged).
base::Result<IndexLine> parse_index_line(std::string_view line);

}  // namespace n4b::format
