#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backup-runner/blocks/block_storer.hpp"

namespace n4b::blocks {

/// A block is handed over when it has as many extents, full or not: each is remembered until it stands in the index.
inline constexpr std::size_t kMaxExtentsPerBlock = 4'096;

/// What all streams of one artifact count together.
struct StreamCounters {
    std::atomic<std::int64_t> tries = 0;
    std::atomic<std::int64_t> files = 0;
    std::atomic<std::int64_t> plain_bytes = 0;  ///< Of tries that are done.
};

/// What a stream is made of; all borrowed.
struct StreamParts {
    BlockPlace& place;
    BlockPool& pool;
    BlockStorer& storer;
    IndexWriter& index;
    StreamCounters& counters;
    format::Encoding encoding = format::Encoding::kZstd;
    Urgency urgency = Urgency::kNormal;
};

/// Appends one try after the other to its current block: a connection's files, or the log. Holds a block only while
/// there is something in it, and none while it waits for one. One thread.
///
/// Expected flow: open, write ..., done (or abandon, when the file's connection broke); at the very end flush. After an
/// error the artifact is lost, and the stream of no use.
class BlockStream {
public:
    explicit BlockStream(const StreamParts& parts) : parts_(parts), encoder_(parts.encoding) {}
    BlockStream(const BlockStream&) = delete;
    BlockStream& operator=(const BlockStream&) = delete;

    /// Begins a try; nothing for a path: the log. Invalid: as many tries as an artifact can have.
    base::Result<void> open(std::optional<std::string> path);

    /// Waits while every block is in use. Besides its own errors, the first of any block of the artifact.
    base::Result<void> write(std::span<const std::byte> bytes);

    /// The try is complete; how many bytes it has.
    base::Result<std::int64_t> done();

    /// The try never gets complete. What was written stays, and nobody reads it.
    base::Result<void> abandon();

    /// Hands over the block that isn't full.
    base::Result<void> flush();

private:
    base::Result<void> end_extent();
    base::Result<void> hand_over();

    const StreamParts parts_;
    format::ExtentEncoder encoder_;
    FilledBlock block_{};
    std::int64_t try_ = 0;  ///< 0: none is open.
    bool is_log_ = false;
    std::int64_t plain_offset_ = 0;  ///< Where the extent that isn't ended begins.
};

}  // namespace n4b::blocks
