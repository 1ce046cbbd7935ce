#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <vector>

#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

/// Storage format 1 on its way to and from an ObjectStore.
namespace n4b::blocks {

class BlockPool;

/// What a volume needs to take a block without copying it.
inline constexpr std::align_val_t kBlockAlignment{storage::kDirectAlignment};

struct BlockMemoryDeleter {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, kBlockAlignment); }
};
using BlockMemory = std::unique_ptr<std::byte[], BlockMemoryDeleter>;

/// Memory for a block, aligned and not initialised.
BlockMemory allocate_block(std::size_t bytes);

/// A buffer that is lent; goes back to its pool when destroyed. One thread at a time.
class PooledBuffer {
public:
    PooledBuffer() = default;
    PooledBuffer(PooledBuffer&& other) noexcept;
    PooledBuffer& operator=(PooledBuffer&& other) noexcept;
    ~PooledBuffer();

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    explicit operator bool() const { return pool_ != nullptr; }

private:
    friend class BlockPool;
    PooledBuffer(BlockPool* pool, std::span<std::byte> bytes) : pool_(pool), bytes_(bytes) {}
    void give_back();

    BlockPool* pool_ = nullptr;
    std::span<std::byte> bytes_{};
};

/// A fixed number of buffers of one size: what bounds the memory of a backup, and holds those back that produce more
/// than a storage takes. A buffer is allocated when it is first needed. Thread-safe; outlives its buffers.
///
/// Nothing deadlocks as long as no thread waits for a buffer while it holds one, and a buffer that is under way waits
/// for the network only.
class BlockPool {
public:
    BlockPool(std::size_t buffers, std::size_t buffer_bytes) : left_(buffers), buffer_bytes_(buffer_bytes) {}
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;

    /// Waits for a buffer. Cancelled or Deadline: none came in time.
    base::Result<PooledBuffer> acquire(const object_store::Call& call);

    [[nodiscard]] std::size_t buffer_bytes() const { return buffer_bytes_; }

private:
    friend class PooledBuffer;
    void give_back(std::span<std::byte> bytes);

    std::mutex mutex_{};  ///< Guards all below but buffer_bytes_.
    std::condition_variable_any free_again_{};
    std::vector<BlockMemory> buffers_{};
    std::vector<std::byte*> free_{};
    std::size_t left_;  ///< Not allocated yet.
    const std::size_t buffer_bytes_;
};

}  // namespace n4b::blocks
