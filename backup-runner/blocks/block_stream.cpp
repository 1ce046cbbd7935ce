#include "backup-runner/blocks/block_stream.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/base/check.hpp"

namespace n4b::blocks {

using base::ErrorCode;
using base::Reason;
using base::Result;

Result<void> BlockStream::open(std::optional<std::string> path) {
    N4B_CHECK(try_ == 0, "a try is open");
    const std::int64_t number = ++parts_.counters.tries;
    if (number > format::kMaxTry) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                          fmt::format("more than {} files, those that broke included", format::kMaxTry));
    }
    is_log_ = !path;
    N4B_TRY_VOID(parts_.index.add(format::OpenLine{.number = number, .path = std::move(path)}));
    try_ = number;
    plain_offset_ = 0;
    return {};
}

Result<void> BlockStream::write(std::span<const std::byte> bytes) {
    N4B_CHECK(try_ != 0, "no try is open");
    while (!bytes.empty()) {
        if (!block_.buffer) {
            N4B_TRY(block_.buffer, parts_.pool.acquire(parts_.place.call));
            N4B_TRY_VOID(parts_.storer.check());
            encoder_.begin_block(block_.buffer.bytes());
        }
        N4B_TRY(const auto taken, encoder_.append(bytes));
        bytes = bytes.subspan(taken);
        if (!bytes.empty()) {
            N4B_TRY_VOID(end_extent());
            N4B_TRY_VOID(hand_over());
        }
    }
    return {};
}

Result<void> BlockStream::end_extent() {
    N4B_TRY(const auto encoded, encoder_.end_extent());
    if (!encoded) return {};
    block_.extents.push_back({.number = try_,
                              .plain_offset = plain_offset_,
                              .plain_length = encoded->plain_length,
                              .block_offset = encoded->block_offset,
                              .stored_length = encoded->stored_length,
                              .xxh3 = encoded->xxh3});
    plain_offset_ += encoded->plain_length;
    return {};
}

Result<void> BlockStream::hand_over() {
    if (!block_.buffer) return {};
    block_.bytes = encoder_.filled();
    return parts_.storer.submit(std::exchange(block_, {}), parts_.urgency);
}

Result<std::int64_t> BlockStream::done() {
    N4B_CHECK(try_ != 0, "no try is open");
    N4B_TRY_VOID(end_extent());
    const auto number = std::exchange(try_, 0);
    N4B_TRY_VOID(parts_.index.add(format::DoneLine{.number = number, .bytes = plain_offset_}));
    parts_.counters.plain_bytes += plain_offset_;
    if (!is_log_) ++parts_.counters.files;
    if (block_.extents.size() >= kMaxExtentsPerBlock) N4B_TRY_VOID(hand_over());
    return plain_offset_;
}

Result<void> BlockStream::abandon() {
    N4B_CHECK(try_ != 0, "no try is open");
    N4B_TRY_VOID(end_extent());
    try_ = 0;
    if (block_.extents.size() >= kMaxExtentsPerBlock) N4B_TRY_VOID(hand_over());
    return {};
}

Result<void> BlockStream::flush() {
    N4B_CHECK(try_ == 0, "a try is open");
    return hand_over();
}

}  // namespace n4b::blocks
