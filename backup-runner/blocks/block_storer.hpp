#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "backup-runner/blocks/block_pool.hpp"
#include "backup-runner/blocks/index_writer.hpp"

namespace n4b::blocks {

/// A block that is full, or the last of its stream.
struct FilledBlock {
    PooledBuffer buffer{};
    std::size_t bytes = 0;
    std::vector<format::Extent> extents{};  ///< In the order of their place; their block is set by the storer.
};

enum class Urgency {
    kNormal,
    kFirst,  ///< The transaction log: what a slow storage leaves unread, the source may prune.
};

/// Hashes each block, tells the index of it and of its extents, and stores it. Blocks of one urgency come into the
/// index in the order they were submitted, whichever thread is through first. Thread-safe.
class BlockStorer {
public:
    struct Totals {
        std::int64_t blocks = 0;
        std::int64_t bytes = 0;
    };

    /// Borrows place and index. One thread more takes urgent blocks only, so that they never wait for a PUT of another.
    BlockStorer(BlockPlace& place, IndexWriter& index, std::size_t threads);
    /// Ends calls that are under way.
    ~BlockStorer();
    BlockStorer(const BlockStorer&) = delete;
    BlockStorer& operator=(const BlockStorer&) = delete;

    /// Takes a block over; never waits. The first error of any block, after which blocks are dropped unstored.
    base::Result<void> submit(FilledBlock block, Urgency urgency);

    /// Waits until all that was submitted is stored; the first error.
    base::Result<Totals> drain();

    /// The first error so far.
    base::Result<void> check();

private:
    struct Waiting {
        Urgency urgency = Urgency::kNormal;
        std::int64_t ticket = 0;  ///< Its place in the order of submission, of its urgency.
        FilledBlock block{};
    };
    struct Described {
        format::BlockDigest digest{};
        std::vector<format::Extent> extents{};
    };
    /// The blocks of one urgency. Each has an order of its own: the log's blocks overtake those of the files, and would
    /// else have to be remembered until the files' have come into the index.
    struct Lane {
        std::deque<Waiting> waiting{};
        std::int64_t submitted = 0;
        std::map<std::int64_t, Described> described{};  ///< By ticket; not in the index yet.
        std::int64_t next_described = 0;
    };

    enum class Serves { kAll, kUrgent };
    void run(const std::stop_token& stop, Serves serves);
    Lane& lane(Urgency urgency) { return urgency == Urgency::kFirst ? first_ : normal_; }
    Lane* ready_lane();
    base::Result<void> store(Waiting waiting);
    base::Result<void> describe(Lane& lane, std::int64_t ticket, Described described);
    base::Result<void> add_to_index(const Described& described);
    void fail(base::Error error);

    BlockPlace& place_;
    IndexWriter& index_;
    std::stop_source stop_puts_{};  ///< After the first error, or from outside.

    std::mutex mutex_{};  ///< Guards all below up to the threads.
    std::condition_variable_any changed_{};
    Lane first_{};
    Lane normal_{};
    std::int64_t stored_ = 0;  ///< Or given up.
    bool describing_ = false;  ///< A thread writes to the index, without the lock.
    std::optional<base::Error> error_{};
    Totals totals_{};

    std::stop_callback<std::function<void()>> forward_stop_;
    std::vector<std::jthread> threads_{};
};

}  // namespace n4b::blocks
