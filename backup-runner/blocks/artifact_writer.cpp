#include "backup-runner/blocks/artifact_writer.hpp"

#include <utility>

namespace n4b::blocks {

using base::ErrorCode;
using base::Reason;
using base::Result;

namespace {

/// The log has the memory of two blocks, in pieces: what is sent early is sent before the source prunes it. On the way
/// to a storage that takes little more than the log grows by, a piece shares the line with the files' blocks, and the
/// log must find room until it is through. More than one is under way when it falls behind: each goes before the
/// files'.
constexpr std::size_t kLogBlocks = 8;
constexpr std::size_t kLogPart = 4;
/// A quarter of it is the least that an encoder takes.
constexpr std::size_t kLeastBlockBytes = 4 * 1024;

}  // namespace

Result<std::unique_ptr<ArtifactWriter>> ArtifactWriter::create(object_store::ObjectStore& store, std::string prefix,
                                                               const WriterOptions& options,
                                                               const object_store::Call& call) {
    // A stream may keep a block that isn't full for as long as its connection has nothing to say.
    if (options.blocks < options.streams || options.threads == 0 || options.block_bytes < kLeastBlockBytes) {
        return base::fail(ErrorCode::kInvalid, Reason::kInvalidRunSpec,
                          "a backup needs a block for each of its streams, and a thread that stores them");
    }
    return std::unique_ptr<ArtifactWriter>(new ArtifactWriter(store, std::move(prefix), options, call));
}

ArtifactWriter::ArtifactWriter(object_store::ObjectStore& store, std::string prefix, const WriterOptions& options,
                               const object_store::Call& call)
    : options_(options),
      forward_stop_(call.stop, [this] { stop_.request_stop(); }),
      batch_(store.begin_batch()),
      place_{.batch = *batch_,
             .prefix = std::move(prefix),
             .call = {.deadline = call.deadline, .stop = stop_.get_token()}},
      pool_(options.blocks, options.block_bytes),
      log_pool_(kLogBlocks, options.block_bytes / kLogPart),
      index_(place_, options.block_bytes),
      storer_(place_, index_, options.threads) {}

ArtifactWriter::~ArtifactWriter() {
    stop_.request_stop();
}

Result<std::unique_ptr<BlockStream>> ArtifactWriter::open_stream() {
    if (++streams_ > options_.streams) return base::fail(ErrorCode::kInternal, "more streams than were planned for");
    return open(pool_, Urgency::kNormal);
}

Result<std::unique_ptr<BlockStream>> ArtifactWriter::open_log() {
    if (++logs_ > 1) return base::fail(ErrorCode::kInternal, "an artifact has one log");
    return open(log_pool_, Urgency::kFirst);
}

Result<std::unique_ptr<BlockStream>> ArtifactWriter::open(BlockPool& pool, Urgency urgency) {
    return std::make_unique<BlockStream>(StreamParts{.place = place_,
                                                     .pool = pool,
                                                     .storer = storer_,
                                                     .index = index_,
                                                     .counters = counters_,
                                                     .encoding = options_.encoding,
                                                     .urgency = urgency});
}

Result<ArtifactWriter::Totals> ArtifactWriter::finish() {
    N4B_TRY(const auto stored, storer_.drain());
    N4B_TRY(auto index, index_.finish());
    N4B_TRY_VOID(batch_->settle(place_.call));
    Totals totals{.counts = {.files = counters_.files,
                             .tries = counters_.tries,
                             .blocks = stored.blocks + static_cast<std::int64_t>(index.size()),
                             .plain_bytes = counters_.plain_bytes,
                             .stored_bytes = stored.bytes}};
    for (const auto& block : index) totals.counts.stored_bytes += block.bytes;
    totals.index = std::move(index);
    totals.listing = place_.listing;
    return totals;
}

}  // namespace n4b::blocks
