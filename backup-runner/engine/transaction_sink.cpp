#include "backup-runner/engine/transaction_sink.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/txlog/log_format.hpp"

namespace n4b::engine {
namespace {

using base::Result;

/// The index names a transaction this often: a point-in-time restore then reads at most this much to find its place.
constexpr std::int64_t kIndexEveryBytes = std::int64_t{1} << 20;
constexpr std::int64_t kIndexEveryTransactions = 1000;
/// Enough for a START entry and any additional header seen (8 bytes), with room.
constexpr std::size_t kHeadBytes = 256;

tl::unexpected<base::Error> protocol_error(std::string text) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError, std::move(text));
}

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<std::unique_ptr<TransactionSink>> TransactionSink::create(ArtifactWriter& artifact, ProgressCounters& progress,
                                                                 std::int64_t previous) {
    std::unique_ptr<TransactionSink> sink(new TransactionSink(artifact, progress, previous));
    N4B_TRY(sink->sink_, artifact.open_log());
    N4B_TRY_VOID(sink->write(txlog::log_header(kLogVersion, previous)));
    N4B_TRY_VOID(sink->write(txlog::check_point(kLogVersion, txlog::kLogHeaderBytes)));
    return sink;
}

Result<void> TransactionSink::write(std::span<const std::byte> bytes) {
    offset_ += static_cast<std::int64_t>(bytes.size());
    progress_.bytes += static_cast<std::int64_t>(bytes.size());
    return sink_->write(bytes);
}

Result<void> TransactionSink::begin(std::size_t bytes) {
    if (written_ > 0 && bytes != size_) {
        return protocol_error(fmt::format("transaction {} came with {} bytes, and with {} when it was sent again",
                                          last_.id + 1, size_, bytes));
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
    return protocol_error(fmt::format("transaction {} was sent again with other bytes", last_.id + 1));
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
    written_ += fresh.size();
    return write(fresh);
}

Result<void> TransactionSink::end() {
    const auto commit = txlog::parse_commit(tail_);
    if (!commit) return protocol_error(fmt::format("transaction {}: {}", last_.id + 1, commit.error().message));
    if (commit->transaction != last_.id + 1) {
        return protocol_error(fmt::format("transaction {} came where {} was due", commit->transaction, last_.id + 1));
    }
    const auto checksum = txlog::transaction_checksum(head_, size_);
    if (!checksum)
        return protocol_error(fmt::format("transaction {}: {}", commit->transaction, checksum.error().message));
    last_ = {.id = commit->transaction, .checksum = *checksum};
    if (commit->time_ms >= 0) last_.time = base::SystemTime(std::chrono::milliseconds(commit->time_ms));
    if (!first_) first_ = last_;

    const auto start = offset_ - static_cast<std::int64_t>(size_);
    if (indexed_offset_ < 0 || start - indexed_offset_ >= kIndexEveryBytes ||
        ++since_indexed_ >= kIndexEveryTransactions) {
        N4B_TRY_VOID(artifact_.add_transaction({.id = last_.id, .offset = start, .latest_time_ms = latest_time_ms_}));
        indexed_offset_ = start;
        since_indexed_ = 0;
    }
    latest_time_ms_ = std::max(latest_time_ms_, commit->time_ms);
    size_ = received_ = written_ = 0;
    written_hash_ = base::kFnv1aStart;
    head_.clear();
    tail_.clear();
    return {};
}

Result<void> TransactionSink::finish() {
    if (written_ > 0) return protocol_error(fmt::format("transaction {} is incomplete", last_.id + 1));
    N4B_TRY(auto stored, sink_->finish());
    return artifact_.add_log(kLogPath, std::move(stored));
}

}  // namespace n4b::engine
