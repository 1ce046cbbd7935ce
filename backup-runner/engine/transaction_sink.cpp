#include "backup-runner/engine/transaction_sink.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/txlog/log_format.hpp"

namespace n4b::engine {
namespace {

using base::Result;

/// Enough for a START entry and any additional header seen (8 bytes), with room.
constexpr std::size_t kHeadBytes = 256;

tl::unexpected<base::Error> protocol_error(std::string text) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError, std::move(text));
}

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string log_preamble(std::int64_t previous) {
    const auto header = txlog::log_header(kLogVersion, previous);
    const auto check_point = txlog::check_point(kLogVersion, txlog::kLogHeaderBytes);
    return std::string(text_of(header)) + std::string(text_of(check_point));
}

TransactionSink::TransactionSink(blocks::ArtifactWriter& artifact, ProgressCounters& progress, const Start& start)
    : artifact_(artifact), progress_(progress), highest_{.point = {.id = start.previous}} {
    if (!start.latest_commit_time) return;
    const auto since_epoch = start.latest_commit_time->time_since_epoch();
    latest_time_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

Result<std::unique_ptr<TransactionSink>> TransactionSink::create(blocks::ArtifactWriter& artifact,
                                                                 ProgressCounters& progress, const Start& start) {
    std::unique_ptr<TransactionSink> sink(new TransactionSink(artifact, progress, start));
    N4B_TRY(sink->stream_, artifact.open_log());
    N4B_TRY_VOID(sink->stream_->open(std::nullopt));
    return sink;
}

std::optional<base::SystemTime> TransactionSink::latest_commit_time() const {
    if (latest_time_ms_ < 0) return std::nullopt;
    return base::SystemTime(std::chrono::milliseconds(latest_time_ms_));
}

Result<void> TransactionSink::begin(std::size_t bytes) {
    if (written_ > 0 && bytes != size_) {
        return protocol_error(fmt::format("transaction {} came with {} bytes, and with {} when it was sent again",
                                          last() + 1, size_, bytes));
    }
    size_ = bytes;
    received_ = 0;
    again_hash_ = base::kFnv1aStart;
    return {};
}

/// Compares what came again with what was written, once all of that has come.
Result<void> TransactionSink::compare(std::span<const std::byte> known) {
    again_hash_ = base::fnv1a(text_of(known), again_hash_);
    if (received_ < written_ || again_hash_ == written_hash_) return {};
    return protocol_error(fmt::format("transaction {} was sent again with other bytes", last() + 1));
}

Result<void> TransactionSink::data(std::span<const std::byte> bytes) {
    const auto known = std::min(bytes.size(), written_ - std::min(written_, received_));
    received_ += bytes.size();
    if (known > 0) N4B_TRY_VOID(compare(bytes.first(known)));
    const auto fresh = bytes.subspan(known);
    written_hash_ = base::fnv1a(text_of(fresh), written_hash_);
    if (head_.size() < kHeadBytes) {
        const auto part = fresh.first(std::min(fresh.size(), kHeadBytes - head_.size()));
        head_.insert(head_.end(), part.begin(), part.end());
    }
    const auto end = fresh.last(std::min(fresh.size(), txlog::kCommitBytes));
    tail_.insert(tail_.end(), end.begin(), end.end());
    if (tail_.size() > txlog::kCommitBytes) {
        tail_.erase(tail_.begin(), tail_.end() - static_cast<std::ptrdiff_t>(txlog::kCommitBytes));
    }
    digest_.update(fresh);
    written_ += fresh.size();
    offset_ += static_cast<std::int64_t>(fresh.size());
    progress_.bytes += static_cast<std::int64_t>(fresh.size());
    return stream_->write(fresh);
}

Result<void> TransactionSink::end() {
    const auto commit = txlog::parse_commit(tail_);
    if (!commit) return protocol_error(fmt::format("transaction {}: {}", last() + 1, commit.error().message));
    if (commit->transaction != last() + 1) {
        return protocol_error(fmt::format("transaction {} came where {} was due", commit->transaction, last() + 1));
    }
    const auto checksum = txlog::transaction_checksum(head_, size_);
    if (!checksum)
        return protocol_error(fmt::format("transaction {}: {}", commit->transaction, checksum.error().message));
    highest_ = {.point = {.id = commit->transaction, .checksum = *checksum},
                .length = static_cast<std::int64_t>(size_),
                .sha256 = archive::digits_of(digest_.finish())};
    if (commit->time_ms >= 0) highest_.point.time = base::SystemTime(std::chrono::milliseconds(commit->time_ms));
    if (!first_) first_ = highest_.point;
    latest_time_ms_ = std::max(latest_time_ms_, commit->time_ms);
    N4B_TRY_VOID(add_to_group());
    size_ = received_ = written_ = 0;
    written_hash_ = base::kFnv1aStart;
    digest_ = archive::Sha256();
    head_.clear();
    tail_.clear();
    return {};
}

/// A transaction that is complete, to those that one line of the index tells of.
Result<void> TransactionSink::add_to_group() {
    const auto bytes = highest_.length;
    const bool full =
        group_.lengths.size() == format::kMaxGroupTransactions || group_bytes_ + bytes > format::kMaxGroupBytes;
    if (!group_.lengths.empty() && full) N4B_TRY_VOID(end_group());
    if (group_.lengths.empty()) {
        group_.first = highest_.point.id;
        group_.offset = offset_ - bytes;
    }
    group_.lengths.push_back(bytes);
    group_.latest_time_ms = latest_time_ms_;
    group_bytes_ += bytes;
    return {};
}

Result<void> TransactionSink::end_group() {
    N4B_TRY_VOID(artifact_.add_transactions(group_));
    group_ = {};
    group_bytes_ = 0;
    return {};
}

Result<void> TransactionSink::finish() {
    if (written_ > 0) return protocol_error(fmt::format("transaction {} is incomplete", last() + 1));
    if (!group_.lengths.empty()) N4B_TRY_VOID(end_group());
    N4B_TRY_VOID(stream_->done());
    return stream_->flush();
}

}  // namespace n4b::engine
