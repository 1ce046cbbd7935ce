#include "backup-runner/blocks/index_writer.hpp"

#include <fmt/format.h>

#include <utility>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/blocks/wait.hpp"
#include "common/base/fnv1a.hpp"

namespace n4b::blocks {

using base::ErrorCode;
using base::Reason;
using base::Result;

Result<std::int64_t> BlockPlace::take_number() {
    const std::int64_t number = next_number.fetch_add(1);
    if (number <= format::kMaxBlockNumber) return number;
    return base::fail(ErrorCode::kInvalid, Reason::kInternalError,
                      fmt::format("an artifact has at most {} blocks", format::kMaxBlockNumber + 1));
}

Result<void> BlockPlace::put(const format::BlockDigest& digest, std::span<const std::byte> bytes,
                             const object_store::Call& put_call) {
    const auto name = key(digest.number);
    N4B_TRY_VOID(batch.put(name, {.bytes = bytes, .sha256 = digest.sha256}, put_call));
    listing += listing_of(name, static_cast<std::int64_t>(bytes.size()));
    return {};
}

std::uint64_t listing_of(std::string_view key, std::int64_t bytes) {
    return base::fnv1a(fmt::format("{}:{}", key, bytes));
}

format::BlockDigest digest_of_block(std::int64_t number, std::span<const std::byte> bytes) {
    return {.number = number,
            .bytes = static_cast<std::int64_t>(bytes.size()),
            .sha256 = archive::digits_of(archive::sha256(bytes))};
}

IndexWriter::IndexWriter(BlockPlace& place, std::size_t block_bytes)
    : place_(place),
      memory_(allocate_block(block_bytes)),
      buffer_(memory_.get(), block_bytes),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

IndexWriter::~IndexWriter() = default;

Result<void> IndexWriter::add(const format::IndexLine& line) {
    const auto text = format::to_line(line);
    if (text.size() > format::kMaxIndexLineBytes) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                          fmt::format("a line of the index would have {} bytes", text.size()));
    }
    std::unique_lock lock(mutex_);
    N4B_TRY_VOID(wait_for(changed_, lock, place_.call, "write the index",
                          [this] { return error_ || queue_.size() < kQueueBytes; }));
    if (error_) return base::fail(*error_);
    queue_ += text;
    lock.unlock();
    changed_.notify_all();
    return {};
}

/// What waits in the queue, all of it; false when nothing more comes.
bool IndexWriter::next(std::string& text, const std::stop_token& stop) {
    text.clear();
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, stop, [this] { return closed_ || !queue_.empty(); });
        if (stop.stop_requested()) return false;
        std::swap(text, queue_);
    }
    changed_.notify_all();
    return !text.empty();
}

void IndexWriter::run(const std::stop_token& stop) {
    encoder_.begin_block(buffer_);
    std::string text;
    while (next(text, stop)) {
        if (auto written = write(text); !written) {
            {
                const std::lock_guard lock(mutex_);
                error_ = written.error().wrap("write the index");
            }
            changed_.notify_all();
            return;
        }
    }
}

Result<void> IndexWriter::write(std::string_view text) {
    auto bytes = std::as_bytes(std::span(text));
    while (!bytes.empty()) {
        N4B_TRY(const auto taken, encoder_.append(bytes));
        bytes = bytes.subspan(taken);
        if (!bytes.empty()) N4B_TRY_VOID(store());
    }
    return {};
}

Result<void> IndexWriter::store() {
    N4B_TRY_VOID(encoder_.end_extent());
    if (encoder_.filled() == 0) return {};
    const auto bytes = std::span<const std::byte>(buffer_).first(encoder_.filled());
    N4B_TRY(const auto number, place_.take_number());
    auto digest = digest_of_block(number, bytes);
    N4B_TRY_VOID(place_.put(digest, bytes, place_.call));
    blocks_.push_back(std::move(digest));
    encoder_.begin_block(buffer_);
    return {};
}

Result<std::vector<format::BlockDigest>> IndexWriter::finish() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (error_) return base::fail(*error_);
    if (auto stored = store(); !stored) return base::fail(stored.error().wrap("write the index"));
    return blocks_;
}

}  // namespace n4b::blocks
