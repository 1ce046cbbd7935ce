#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "backup-runner/blocks/block_pool.hpp"
#include "backup-runner/format/extent_encoder.hpp"
#include "backup-runner/format/index_line.hpp"
#include "backup-runner/object_store/object_store.hpp"

namespace n4b::blocks {

/// Where the blocks of an artifact go, and who numbers them. Borrowed by all who store blocks.
struct BlockPlace {
    object_store::ObjectBatch& batch;
    const std::string prefix;  ///< Of the blocks' keys; ends at a '/'.
    const object_store::Call call{};
    std::atomic<std::int64_t> next_number = 0;
    std::atomic<std::uint64_t> listing = 0;  ///< Sum of listing_of each block that is stored.

    [[nodiscard]] std::string key(std::int64_t number) const { return prefix + format::block_name(number); }
    /// Invalid: the artifact has as many blocks as it can.
    base::Result<std::int64_t> take_number();

    /// Stores a block under its number; `digest` is that of `bytes`.
    base::Result<void> put(const format::BlockDigest& digest, std::span<const std::byte> bytes,
                           const object_store::Call& put_call);
};

/// A number for an object in a listing. Their sum stands for a set of objects, in any order, in 8 bytes.
std::uint64_t listing_of(std::string_view key, std::int64_t bytes);

format::BlockDigest digest_of_block(std::int64_t number, std::span<const std::byte> bytes);

/// Writes the index in blocks of its own, by a thread of its own, from a bounded queue. Its one buffer comes from no
/// pool: whoever stores the blocks of a pool may wait here, and here only the network is waited for. Thread-safe.
class IndexWriter {
public:
    /// Borrows the place.
    IndexWriter(BlockPlace& place, std::size_t block_bytes);
    ~IndexWriter();
    IndexWriter(const IndexWriter&) = delete;
    IndexWriter& operator=(const IndexWriter&) = delete;

    /// Puts a line into the queue; waits while that is full. The error that ended the writer; Invalid
    /// (SourceProtocolError): the line is longer than an index may have.
    base::Result<void> add(const format::IndexLine& line);

    /// Stores what is left; no line may follow. The blocks in their order: one at least, as an index has a line.
    base::Result<std::vector<format::BlockDigest>> finish();

    /// The most that waits in the queue, one line apart.
    static constexpr std::size_t kQueueBytes = 256 * 1024;

private:
    void run(const std::stop_token& stop);
    bool next(std::string& text, const std::stop_token& stop);
    base::Result<void> write(std::string_view text);
    base::Result<void> store();

    BlockPlace& place_;

    // Of the thread, and after it of finish().
    const BlockMemory memory_;
    const std::span<std::byte> buffer_;
    format::ExtentEncoder encoder_{format::Encoding::kZstd};
    std::vector<format::BlockDigest> blocks_{};

    std::mutex mutex_{};  ///< Guards all below but the thread.
    std::condition_variable_any changed_{};
    std::string queue_{};
    bool closed_ = false;
    std::optional<base::Error> error_{};

    std::jthread thread_;
};

}  // namespace n4b::blocks
