#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/blocks/index_reader.hpp"

namespace n4b::blocks {

/// Receives what an artifact holds. Files come interleaved, each from its beginning to its end. What a file was given
/// is to be believed once it is done, and all of it once the reader has returned success.
class ContentReceiver {
public:
    virtual ~ContentReceiver() = default;
    /// A file by its true name, or (nothing) the log; `bytes`: how long it will be.
    virtual base::Result<void> open(std::int64_t number, const std::optional<std::string>& path,
                                    std::int64_t bytes) = 0;
    /// Asked right after open(): how many bytes from the file's beginning are not wanted, since the receiver has them.
    virtual std::int64_t bytes_had() { return 0; }
    virtual base::Result<void> data(std::int64_t number, std::span<const std::byte> bytes) = 0;
    virtual base::Result<void> done(std::int64_t number) = 0;
};

/// Reads one artifact: its index twice, and each block once, some of them ahead. Memory: the index's largest block,
/// `blocks` others (nothing: blocks_in_memory()), 16 bytes for each try, and the decoder's. One thread.
///
/// DataLoss (ArtifactDamaged): a block, an extent, a line or a sum doesn't match, with what and where.
class ArtifactReader {
public:
    /// Borrows what the artifact borrows.
    explicit ArtifactReader(StoredArtifact artifact, std::optional<std::size_t> blocks = std::nullopt);

    /// Passes on every finished file and the log, less what the receiver has; every block is checked, those of tries
    /// without an end included, but for those of which the receiver has all that they hold.
    base::Result<void> read_all(ContentReceiver& receiver, const object_store::Call& call);

    /// One file by its path, or (nothing) the log; reads only blocks that hold some of it. NotFound
    /// (ArtifactNotFound).
    base::Result<void> read_one(const std::optional<std::string>& path, const format::PlainSink& sink,
                                const object_store::Call& call);

    /// The groups of transactions, in their order.
    base::Result<void> read_transactions(const std::function<base::Result<void>(const format::TransactionGroup&)>& take,
                                         const object_store::Call& call);

private:
    class Pass;
    struct Try {
        std::int64_t bytes = -1;    ///< Of a finished one.
        std::int64_t reached = -1;  ///< In the second pass, once it is open.
        std::int64_t had = 0;       ///< By the receiver.
    };
    base::Result<void> find_tries(const object_store::Call& call);
    base::Result<void> check_ends(std::optional<std::int64_t> only) const;

    const StoredArtifact artifact_;
    const std::size_t blocks_;
    std::vector<std::byte> index_buffer_;
    std::vector<Try> tries_{};
};

}  // namespace n4b::blocks
