#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "backup-runner/blocks/artifact_reader.hpp"

namespace n4b::engine {

/// What an artifact's index tells of its transactions, group by group, for whoever reads the log beside it. A window of
/// it is in memory; behind its end the index is read once more from its beginning, since its lines stand in no order
/// with those that the log is read by. One thread.
class TransactionGroups {
public:
    /// How many lengths a window has: 8 bytes each, and some for each group.
    static constexpr std::size_t kWindow = 128 * 1024;

    /// Borrows what the artifact borrows.
    explicit TransactionGroups(blocks::StoredArtifact artifact, std::size_t window = kWindow)
        : reader_(std::move(artifact)), window_(window) {}

    /// The next one; nothing: there are no more. Errors as ArtifactReader's.
    base::Result<std::optional<format::TransactionGroup>> next(const object_store::Call& call);

private:
    base::Result<void> read_window(const object_store::Call& call);

    blocks::ArtifactReader reader_;
    const std::size_t window_;
    std::deque<format::TransactionGroup> groups_{};
    std::int64_t passed_ = 0;  ///< Groups that were in a window.
    bool ended_ = false;
};

}  // namespace n4b::engine
