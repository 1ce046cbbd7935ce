#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <span>
#include <stop_token>

#include "backup-runner/blocks/block_pool.hpp"
#include "backup-runner/blocks/index_reader.hpp"

namespace n4b::blocks {

/// How many blocks of this size a reader has in memory where its caller does not say so: 16 MiB of them, but at least
/// one that is used and one that is read meanwhile, and at most four.
std::size_t blocks_in_memory(std::size_t block_bytes);

/// Loads and checks blocks while earlier ones are used: a storage's answer, the hash and what becomes of the bytes each
/// have a thread of their own. First in, first out. One thread.
class ReadAhead {
public:
    /// Borrows the artifact. `blocks`: in memory at once, the one that is used among them, and all others under way at
    /// the same time. What is under way ends at the call's deadline or stop, or with this object.
    ReadAhead(const StoredArtifact& artifact, std::size_t blocks, const object_store::Call& call);
    ~ReadAhead();
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// As many blocks are in memory as may be.
    [[nodiscard]] bool full() const { return loading_.size() == most_; }

    /// Begins to load a block; not while full().
    base::Result<void> begin(const format::BlockDigest& block);

    /// The first block that is not dropped, once it is there; again the same. Errors as load_block's.
    base::Result<std::span<const std::byte>> first();

    /// Forgets the first block.
    void drop_first();

private:
    struct Loading {
        PooledBuffer buffer{};
        std::future<base::Result<std::span<const std::byte>>> result{};
        std::span<const std::byte> bytes{};  ///< Once the result was taken.
    };

    const StoredArtifact& artifact_;
    std::stop_source stop_{};
    const object_store::Call call_;
    std::stop_callback<std::function<void()>> forward_stop_;
    const std::size_t most_;
    BlockPool pool_;
    std::deque<Loading> loading_{};
};

}  // namespace n4b::blocks
