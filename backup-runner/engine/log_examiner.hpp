#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/engine/transaction_groups.hpp"
#include "backup-runner/txlog/entry_walker.hpp"

namespace n4b::engine {

/// Holds the log of an artifact, as it streams by, to what the artifact's head and index say of its transactions: their
/// numbers without a gap, their lengths, entries, commit times and checksums, and the SHA-256 of the last one. One
/// thread.
///
/// DataLoss (ArtifactDamaged): with what was found, and what was expected.
class LogExaminer {
public:
    /// `latest_before`: the latest commit time of all transactions that the artifact goes on from; nothing: there are
    /// none. Borrows what the artifact borrows.
    LogExaminer(const blocks::StoredArtifact& artifact, std::optional<base::SystemTime> latest_before,
                const object_store::Call& call);

    base::Result<void> data(std::span<const std::byte> bytes);
    /// All of it has come; an artifact may also have none.
    base::Result<void> finish();

    /// Types of commands behind which nobody has looked; empty: all were walked.
    [[nodiscard]] const std::set<int>& unknown_commands() const { return unknown_; }

private:
    base::Result<void> begin_transaction();
    base::Result<void> end_transaction();
    base::Result<void> begin_group();
    base::Result<void> check_group_end() const;
    base::Result<void> compare_ends(const txlog::WalkedTransaction& walked);
    [[nodiscard]] std::string name_of_next() const;

    const format::Head& head_;
    TransactionGroups groups_;
    const object_store::Call& call_;
    txlog::EntryWalker walker_{};
    archive::Sha256 digest_{};
    std::optional<format::TransactionGroup> group_{};
    std::size_t nth_ = 0;      ///< Of the group's transactions, the one that is under way or comes next.
    std::int64_t next_ = 0;    ///< Its id.
    std::int64_t offset_ = 0;  ///< Of its first byte in the log.
    std::int64_t left_ = 0;    ///< Bytes of it that are still to come; 0: none is under way.
    std::int64_t count_ = 0;   ///< Of those that are complete.
    std::int64_t latest_ms_ = -1;
    std::set<int> unknown_{};
};

}  // namespace n4b::engine
