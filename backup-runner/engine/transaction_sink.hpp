#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backup-runner/archive/head.hpp"
#include "backup-runner/catchup/session.hpp"
#include "backup-runner/engine/artifact_writer.hpp"
#include "common/base/fnv1a.hpp"

namespace n4b::engine {

/// The log file of a full artifact: header, a check point that points to itself (so that recovery replays everything
/// behind it), then the transactions as they came. Its log version is 0, whatever the server's was, because the header
/// is written before `neostore` is read; the copied `neostore` is patched to match.
inline constexpr std::int64_t kLogVersion = 0;
inline constexpr char kLogPath[] = "neostore.transaction.db.0";

/// Writes pulled transactions to the log of an artifact and checks that ids are contiguous. Survives a broken
/// connection in the middle of a transaction: its bytes are identical whenever they are sent, so those already written
/// are skipped when it comes again, once they have proved to be the same. One thread.
class TransactionSink final : public catchup::TransactionReceiver {
public:
    /// The first transaction to come is `previous + 1`.
    static base::Result<std::unique_ptr<TransactionSink>> create(ArtifactWriter& artifact, ProgressCounters& progress,
                                                                 std::int64_t previous);

    base::Result<void> begin(std::size_t bytes) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override;

    /// The last transaction that is complete, or `previous` when none came.
    [[nodiscard]] std::int64_t last() const { return last_.id; }
    [[nodiscard]] const archive::TransactionPoint& first_point() const { return first_ ? *first_ : last_; }
    [[nodiscard]] const archive::TransactionPoint& last_point() const { return last_; }
    [[nodiscard]] bool empty() const { return !first_; }

    /// Ends the log and adds it to the index.
    base::Result<void> finish();

private:
    TransactionSink(ArtifactWriter& artifact, ProgressCounters& progress, std::int64_t previous)
        : artifact_(artifact), progress_(progress), last_{.id = previous} {}

    base::Result<void> write(std::span<const std::byte> bytes);
    base::Result<void> compare(std::span<const std::byte> known);

    ArtifactWriter& artifact_;
    ProgressCounters& progress_;
    std::unique_ptr<ObjectSink> sink_{};
    archive::TransactionPoint last_;
    std::optional<archive::TransactionPoint> first_{};
    std::int64_t offset_ = 0;  ///< Of the next byte in the log.
    std::int64_t latest_time_ms_ = INT64_MIN;

    // The transaction being received.
    std::size_t size_ = 0;
    std::size_t received_ = 0;  ///< Since its latest begin().
    std::size_t written_ = 0;   ///< Ever; what comes again below this is skipped.
    std::uint64_t written_hash_ = base::kFnv1aStart;
    std::uint64_t again_hash_ = base::kFnv1aStart;  ///< Of what came again.
    std::vector<std::byte> head_{};
    std::vector<std::byte> tail_{};

    // When the index next names a transaction.
    std::int64_t indexed_offset_ = -1;
    std::int64_t since_indexed_ = 0;
};

}  // namespace n4b::engine
