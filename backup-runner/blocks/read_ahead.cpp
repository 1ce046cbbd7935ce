#include "backup-runner/blocks/read_ahead.hpp"

#include <algorithm>
#include <utility>

#include "common/base/check.hpp"

namespace n4b::blocks {

using base::Result;

namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20U;
constexpr std::size_t kLeastBlocks = 2;
constexpr std::size_t kMostBlocks = 4;

}  // namespace

std::size_t blocks_in_memory(std::size_t block_bytes) {
    return std::clamp(kMostBytes / block_bytes, kLeastBlocks, kMostBlocks);
}

ReadAhead::ReadAhead(const StoredArtifact& artifact, std::size_t blocks, const object_store::Call& call)
    : artifact_(artifact),
      call_{.deadline = call.deadline, .stop = stop_.get_token()},
      forward_stop_(call.stop, [this] { stop_.request_stop(); }),
      most_(blocks),
      pool_(most_, static_cast<std::size_t>(artifact.head.block_bytes)) {}

ReadAhead::~ReadAhead() {
    stop_.request_stop();
    // Threads end before their buffers go.
    for (auto& loading : loading_) {
        if (loading.result.valid()) loading.result.wait();
    }
}

Result<void> ReadAhead::begin(const format::BlockDigest& block) {
    N4B_CHECK(!full(), "more blocks than fit into memory");
    N4B_TRY(auto buffer, pool_.acquire(call_));
    const auto bytes = buffer.bytes();
    // Deferred where no thread can be had: loaded when it is needed.
    auto result = std::async(std::launch::async | std::launch::deferred,
                             [this, block, bytes] { return load_block(artifact_, block, bytes, call_); });
    loading_.push_back({.buffer = std::move(buffer), .result = std::move(result)});
    return {};
}

Result<std::span<const std::byte>> ReadAhead::first() {
    N4B_CHECK(!loading_.empty(), "no block was begun");
    auto& first = loading_.front();
    if (first.result.valid()) {
        N4B_TRY(first.bytes, first.result.get());
    }
    return first.bytes;
}

void ReadAhead::drop_first() {
    N4B_CHECK(!loading_.empty() && !loading_.front().result.valid(), "a block is dropped that was not waited for");
    loading_.pop_front();
}

}  // namespace n4b::blocks
