#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backup-runner/blocks/block_stream.hpp"

namespace n4b::blocks {

/// How much memory and how many threads an artifact's blocks take.
struct WriterOptions {
    std::size_t block_bytes = 8 * 1024 * 1024;
    std::size_t blocks = 4;   ///< In the pool; as much as two for the log, and the index's one, come on top.
    std::size_t streams = 2;  ///< At most so many besides the log; no more than blocks, or they would wait for ever.
    std::size_t threads = 4;  ///< That store blocks: so many PUTs at once, the index's and one of the log's apart.
    format::Encoding encoding = format::Encoding::kZstd;
};

/// Writes the blocks of one artifact. open_stream, open_log and add_transactions are thread-safe.
class ArtifactWriter {
public:
    struct Totals {
        format::Counts counts{};  ///< All but transactions, which the writer of the log knows.
        std::vector<format::BlockDigest> index{};
        std::uint64_t listing = 0;  ///< Sum of listing_of all blocks.
    };

    /// `prefix`: of the blocks' keys, with a '/' at its end (format::Layout::blocks). Every wait and every call of the
    /// store ends at the call's deadline or stop. Invalid (InvalidRunSpec): options that can't work.
    static base::Result<std::unique_ptr<ArtifactWriter>> create(object_store::ObjectStore& store, std::string prefix,
                                                                const WriterOptions& options,
                                                                const object_store::Call& call);

    /// Ends all that is under way.
    ~ArtifactWriter();

    /// For one thread; outlived by the writer. Internal: more than options.streams.
    base::Result<std::unique_ptr<BlockStream>> open_stream();
    /// The log's, with small blocks of its own that are stored before all others, so that it never waits for the files.
    base::Result<std::unique_ptr<BlockStream>> open_log();

    base::Result<void> add_transactions(const format::TransactionGroup& group) { return index_.add(group); }

    /// Ends every wait and every PUT, also those that come: the artifact is lost. Thread-safe.
    void give_up() { stop_.request_stop(); }

    /// Waits until all is stored and durable, once every stream was flushed. The first error of any block.
    base::Result<Totals> finish();

private:
    ArtifactWriter(object_store::ObjectStore& store, std::string prefix, const WriterOptions& options,
                   const object_store::Call& call);
    base::Result<std::unique_ptr<BlockStream>> open(BlockPool& pool, Urgency urgency);

    const WriterOptions options_;
    std::atomic<std::size_t> streams_ = 0;
    std::atomic<std::size_t> logs_ = 0;
    StreamCounters counters_{};
    std::stop_source stop_{};
    std::stop_callback<std::function<void()>> forward_stop_;
    const std::unique_ptr<object_store::ObjectBatch> batch_;
    BlockPlace place_;
    BlockPool pool_;
    BlockPool log_pool_;
    // Destroyed in the reverse order: threads before what they borrow.
    IndexWriter index_;
    BlockStorer storer_;
};

}  // namespace n4b::blocks
