#include "backup-runner/blocks/block_pool.hpp"

#include <utility>

#include "backup-runner/blocks/wait.hpp"

namespace n4b::blocks {

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
    if (this != &other) {
        give_back();
        pool_ = std::exchange(other.pool_, nullptr);
        bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
}

PooledBuffer::~PooledBuffer() {
    give_back();
}

void PooledBuffer::give_back() {
    if (pool_ != nullptr) pool_->give_back(bytes_);
    pool_ = nullptr;
}

BlockMemory allocate_block(std::size_t bytes) {
    return BlockMemory(static_cast<std::byte*>(::operator new[](bytes, kBlockAlignment)));
}

base::Result<PooledBuffer> BlockPool::acquire(const object_store::Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "wait for a block"));
    std::unique_lock lock(mutex_);
    N4B_TRY_VOID(wait_for(free_again_, lock, call, "wait for a block", [this] { return !free_.empty() || left_ > 0; }));
    if (free_.empty()) {
        // Not zeroed: a block is always filled from its beginning.
        buffers_.push_back(allocate_block(buffer_bytes_));
        free_.push_back(buffers_.back().get());
        --left_;
    }
    std::byte* const bytes = free_.back();
    free_.pop_back();
    return PooledBuffer(this, {bytes, buffer_bytes_});
}

void BlockPool::give_back(std::span<std::byte> bytes) {
    {
        const std::lock_guard lock(mutex_);
        free_.push_back(bytes.data());
    }
    free_again_.notify_one();
}

}  // namespace n4b::blocks
