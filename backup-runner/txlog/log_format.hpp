#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/result.hpp"

namespace n4b::txlog {

/// Transaction log files of Neo4j 3.x (transaction log format 6): all integers big-endian, signed.
inline constexpr std::size_t kLogHeaderBytes = 16;
inline constexpr std::size_t kCheckPointBytes = 18;
inline constexpr std::size_t kCommitBytes = 18;
/// A START entry without its additional header: version, type, two ids, two i64, length.
inline constexpr std::size_t kStartBytes = 30;

/// Version byte of every entry that 3.0.10 to 3.5 write.
inline constexpr std::byte kEntryVersion{0xF6};

/// Header of a log file: format 6 in one byte, log version in seven, last transaction id of the files before in eight.
std::array<std::byte, kLogHeaderBytes> log_header(std::int64_t log_version, std::int64_t last_transaction_before);

/// A check point entry that points to (log_version, offset): recovery starts there.
std::array<std::byte, kCheckPointBytes> check_point(std::int64_t log_version, std::int64_t offset);

/// The COMMIT entry that ends each transaction.
struct Commit {
    std::int64_t transaction = 0;
    std::int64_t time_ms = 0;  ///< Since the epoch; -1 for the dummy transaction a cluster begins with.
    bool operator==(const Commit&) const = default;
};

/// Reads the last kCommitBytes of a transaction. Invalid: not a COMMIT entry of a known version, or its time is not
/// one: before the epoch (but -1), or after the year 9999.
base::Result<Commit> parse_commit(std::span<const std::byte> tail);

/// The checksum that Neo4j keeps of a transaction, from the START entry it begins with: (masterId * 37 + authorId) <<
/// 32, or'ed with Java's array hash of the additional header. `head` holds the first bytes of the transaction, which
/// has `size` bytes in all: the START entry, and the first two bytes behind it. Invalid: not a START entry, cut short,
/// or neither COMMAND nor COMMIT behind it.
base::Result<std::int64_t> transaction_checksum(std::span<const std::byte> head, std::size_t size);

}  // namespace n4b::txlog
