#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/catchup/session.hpp"
#include "backup-runner/engine/progress.hpp"
#include "backup-runner/format/head.hpp"
#include "common/base/fnv1a.hpp"

namespace n4b::engine {

/// Transactions lie in an artifact as they came. Restored, they follow a preamble: a log header, and a check point that
/// points to itself, so that recovery replays everything behind it. Its log version is 0, whatever the server's was:
/// the restored `neostore` is patched to match.
inline constexpr std::int64_t kLogVersion = 0;

/// The bytes before the first transaction, which is the one after `previous`.
std::string log_preamble(std::int64_t previous);

/// Writes pulled transactions to the log of an artifact and checks that ids are contiguous. Survives a broken
/// connection in the middle of a transaction: its bytes are identical whenever they are sent, so those already written
/// are skipped when it comes again, once they have proved to be the same. One thread.
class TransactionSink final : public catchup::TransactionReceiver {
public:
    /// What the log goes on from.
    struct Start {
        std::int64_t previous = 0;  ///< The first transaction to come is the one after this.
        /// Of all transactions up to `previous` that the chain holds; nothing: there are none.
        std::optional<base::SystemTime> latest_commit_time{};
    };
    static base::Result<std::unique_ptr<TransactionSink>> create(blocks::ArtifactWriter& artifact,
                                                                 ProgressCounters& progress, const Start& start);

    base::Result<void> begin(std::size_t bytes) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override;

    /// The last transaction that is complete, or `previous` when none came.
    [[nodiscard]] std::int64_t last() const { return highest_.point.id; }
    [[nodiscard]] const format::Transaction& lowest() const { return first_ ? *first_ : highest_.point; }
    [[nodiscard]] const format::HighestTransaction& highest() const { return highest_; }
    [[nodiscard]] bool empty() const { return !first_; }
    [[nodiscard]] std::int64_t count() const { return empty() ? 0 : highest_.point.id - first_->id + 1; }
    /// Of all transactions, those before the start included; nothing where none says.
    [[nodiscard]] std::optional<base::SystemTime> latest_commit_time() const;

    /// Ends the log and adds what is left to the index.
    base::Result<void> finish();

private:
    TransactionSink(blocks::ArtifactWriter& artifact, ProgressCounters& progress, const Start& start);

    base::Result<void> compare(std::span<const std::byte> known);
    base::Result<void> add_to_group();
    base::Result<void> end_group();

    blocks::ArtifactWriter& artifact_;
    ProgressCounters& progress_;
    std::unique_ptr<blocks::BlockStream> stream_{};
    format::HighestTransaction highest_;
    std::optional<format::Transaction> first_{};
    std::int64_t offset_ = 0;  ///< Of the next byte in the log.
    std::int64_t latest_time_ms_ = -1;

    // The transaction being received.
    std::size_t size_ = 0;
    std::size_t received_ = 0;  ///< Since its latest begin().
    std::size_t written_ = 0;   ///< Ever; what comes again below this is skipped.
    std::uint64_t written_hash_ = base::kFnv1aStart;
    std::uint64_t again_hash_ = base::kFnv1aStart;  ///< Of what came again.
    archive::Sha256 digest_{};
    std::vector<std::byte> head_{};
    std::vector<std::byte> tail_{};

    // What the index is told next.
    format::TransactionGroup group_{};
    std::int64_t group_bytes_ = 0;
};

}  // namespace n4b::engine
