#include "backup-runner/blocks/artifact_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/blocks/block_stream.hpp"
#include "backup-runner/blocks/read_ahead.hpp"
#include "backup-runner/format/damage.hpp"

namespace n4b::blocks {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using format::damaged;

constexpr std::int64_t kNoTry = 0;

/// One try alone, into a sink.
class OneFile final : public ContentReceiver {
public:
    explicit OneFile(const format::PlainSink& sink) : sink_(sink) {}
    Result<void> open(std::int64_t /*number*/, const std::optional<std::string>& /*path*/,
                      std::int64_t /*bytes*/) override {
        return {};
    }
    Result<void> data(std::int64_t /*number*/, std::span<const std::byte> bytes) override { return sink_(bytes); }
    Result<void> done(std::int64_t /*number*/) override { return {}; }

private:
    const format::PlainSink& sink_;
};

}  // namespace

/// The second pass: each line against what was found in the first and against the line before, each extent against its
/// block.
class ArtifactReader::Pass {
public:
    /// `only`: the one try that is read, or all.
    Pass(ArtifactReader& reader, ContentReceiver& receiver, std::optional<std::int64_t> only,
         const object_store::Call& call)
        : reader_(reader), receiver_(receiver), only_(only), ahead_(reader.artifact_, reader.blocks_, call) {}

    Result<void> take(const format::IndexLine& line) {
        if (const auto* open = std::get_if<format::OpenLine>(&line)) return take_open(*open);
        if (const auto* block = std::get_if<format::BlockDigest>(&line)) return take_block(*block);
        if (const auto* extent = std::get_if<format::Extent>(&line)) return take_extent(*extent);
        return {};
    }
    void read_only(std::int64_t number) { only_ = number; }
    /// The index has ended.
    Result<void> finish() {
        N4B_TRY_VOID(finish_block());
        while (!known_.empty()) N4B_TRY_VOID(pass_on_first());
        return {};
    }

private:
    /// An extent that was checked against the index, and waits for its block.
    struct Known {
        format::Extent extent{};
        bool done = false;     ///< Its try is complete behind it.
        bool passed = false;   ///< Whether the receiver gets it: a try that never ended is only checked.
        std::int64_t had = 0;  ///< How many of its first bytes the receiver has.
    };

    /// Extents cover a block without a gap, so that no stored byte is without an owner.
    Result<void> finish_block() {
        if (block_ && covered_ != block_->bytes) {
            return damaged(fmt::format("block {}: extents for {} of its {} bytes", format::block_name(block_->number),
                                       covered_, block_->bytes));
        }
        block_.reset();
        return {};
    }

    [[nodiscard]] bool wanted(std::int64_t number) const { return !only_ || *only_ == number; }
    Result<Try*> find(std::int64_t number) {
        if (static_cast<std::size_t>(number) > reader_.tries_.size()) {
            return damaged(fmt::format("index: try {}, of {}", number, reader_.tries_.size()));
        }
        return &reader_.tries_[static_cast<std::size_t>(number - 1)];
    }

    Result<void> take_open(const format::OpenLine& open) {
        N4B_TRY(Try* const found, find(open.number));
        if (found->reached >= 0) return damaged(fmt::format("index: try {} is opened twice", open.number));
        found->reached = 0;
        if (found->bytes < 0 || !wanted(open.number)) return {};
        N4B_TRY_VOID(receiver_.open(open.number, open.path, found->bytes));
        found->had = receiver_.bytes_had();
        return found->bytes == 0 ? receiver_.done(open.number) : Result<void>{};
    }

    Result<void> take_block(const format::BlockDigest& block) {
        N4B_TRY_VOID(finish_block());
        block_ = block;
        covered_ = 0;
        loading_ = false;
        return {};
    }

    Result<void> take_extent(const format::Extent& extent) {
        if (!block_ || extent.block != block_->number || extent.block_offset != covered_) {
            return damaged(
                fmt::format("index: an extent of try {} stands behind another block's or another extent's "
                            "line",
                            extent.number));
        }
        covered_ += extent.stored_length;
        if (covered_ > block_->bytes) return damaged("index: an extent lies beyond its block's end");
        N4B_TRY(Try* const found, find(extent.number));
        if (found->reached != extent.plain_offset) {
            return damaged(fmt::format("index: try {} goes on at {}, {} expected", extent.number, extent.plain_offset,
                                       found->reached));
        }
        found->reached += extent.plain_length;
        if (found->bytes >= 0 && found->reached > found->bytes) {
            return damaged(fmt::format("index: try {} has more than its {} bytes", extent.number, found->bytes));
        }
        if (!wanted(extent.number)) return {};
        if (found->bytes < 0 || found->reached > found->had) return remember(extent, *found);
        return found->reached == found->bytes ? receiver_.done(extent.number) : Result<void>{};
    }

    /// Blocks are loaded while the index tells of the next ones, as far as there is room.
    Result<void> remember(const format::Extent& extent, const Try& of) {
        if (!loading_) {
            if (ahead_.full()) N4B_TRY_VOID(pass_on_first());
            N4B_TRY_VOID(ahead_.begin(*block_));
            known_.emplace_back();
            loading_ = true;
        }
        known_.back().push_back({.extent = extent,
                                 .done = of.reached == of.bytes,
                                 .passed = of.bytes >= 0,
                                 .had = std::max<std::int64_t>(of.had - extent.plain_offset, 0)});
        // No writer of ours makes more of one block.
        if (known_.back().size() < kMaxExtentsPerBlock) return {};
        while (known_.size() > 1) N4B_TRY_VOID(pass_on_first());
        return decode_first();
    }

    Result<void> pass_on_first() {
        N4B_TRY_VOID(decode_first());
        known_.pop_front();
        ahead_.drop_first();
        return {};
    }

    Result<void> decode_first() {
        N4B_TRY(const auto bytes, ahead_.first());
        for (const auto& known : known_.front()) N4B_TRY_VOID(decode(bytes, known));
        known_.front().clear();
        return {};
    }

    Result<void> decode(std::span<const std::byte> block, const Known& known) {
        const auto& extent = known.extent;
        const format::EncodedExtent encoded{.plain_length = extent.plain_length,
                                            .block_offset = extent.block_offset,
                                            .stored_length = extent.stored_length,
                                            .xxh3 = extent.xxh3};
        auto had = static_cast<std::size_t>(known.had);
        const auto decoded = decoder_.decode(block, encoded, [&](std::span<const std::byte> bytes) -> Result<void> {
            if (!known.passed) return {};
            const auto skipped = std::min(had, bytes.size());
            had -= skipped;
            return skipped == bytes.size() ? Result<void>{} : receiver_.data(extent.number, bytes.subspan(skipped));
        });
        if (!decoded) {
            return base::fail(decoded.error().wrap(
                fmt::format("block {} at {}", format::block_name(extent.block), extent.block_offset)));
        }
        return known.done ? receiver_.done(extent.number) : Result<void>{};
    }

    ArtifactReader& reader_;
    ContentReceiver& receiver_;
    std::optional<std::int64_t> only_;
    ReadAhead ahead_;
    std::deque<std::vector<Known>> known_{};  ///< Of each block that is loaded ahead, what is wanted of it.
    format::ExtentDecoder decoder_{};
    std::optional<format::BlockDigest> block_{};  ///< Whose extents the index tells of now.
    std::int64_t covered_ = 0;
    bool loading_ = false;  ///< An extent of that block is wanted.
};

ArtifactReader::ArtifactReader(StoredArtifact artifact, std::optional<std::size_t> blocks)
    : artifact_(std::move(artifact)),
      blocks_(blocks.value_or(blocks_in_memory(static_cast<std::size_t>(artifact_.head.block_bytes)))) {
    std::int64_t largest = 0;
    for (const auto& block : artifact_.head.index) largest = std::max(largest, block.bytes);
    index_buffer_.resize(static_cast<std::size_t>(std::min(largest, artifact_.head.block_bytes)));
}

/// The first pass.
Result<void> ArtifactReader::find_tries(const object_store::Call& call) {
    if (artifact_.head.counts.tries > format::kMaxTry) return damaged("head: counts.tries is beyond what an index has");
    tries_.assign(static_cast<std::size_t>(artifact_.head.counts.tries), Try{});
    const auto take = [&](const format::IndexLine& line) -> Result<void> {
        const auto* done = std::get_if<format::DoneLine>(&line);
        if (done == nullptr) return {};
        if (static_cast<std::size_t>(done->number) > tries_.size()) {
            return damaged(fmt::format("index: try {}, of {}", done->number, tries_.size()));
        }
        auto& found = tries_[static_cast<std::size_t>(done->number - 1)];
        if (found.bytes >= 0) return damaged(fmt::format("index: try {} is done twice", done->number));
        found.bytes = done->bytes;
        return {};
    };
    return read_index(artifact_, index_buffer_, take, call);
}

Result<void> ArtifactReader::check_ends(std::optional<std::int64_t> only) const {
    for (std::size_t i = 0; i < tries_.size(); ++i) {
        if (only && *only != static_cast<std::int64_t>(i + 1)) continue;
        if (tries_[i].bytes >= 0 && tries_[i].reached != tries_[i].bytes) {
            return damaged(
                fmt::format("index: try {} has {} of its {} bytes", i + 1, tries_[i].reached, tries_[i].bytes));
        }
    }
    return {};
}

Result<void> ArtifactReader::read_all(ContentReceiver& receiver, const object_store::Call& call) {
    N4B_TRY_VOID(find_tries(call));
    Pass pass(*this, receiver, std::nullopt, call);
    N4B_TRY_VOID(read_index(
        artifact_, index_buffer_, [&](const auto& line) { return pass.take(line); }, call));
    N4B_TRY_VOID(pass.finish());
    return check_ends(std::nullopt);
}

Result<void> ArtifactReader::read_one(const std::optional<std::string>& path, const format::PlainSink& sink,
                                      const object_store::Call& call) {
    N4B_TRY_VOID(find_tries(call));
    OneFile receiver(sink);
    std::optional<std::int64_t> number;
    // Its open line comes before its extents, so that one pass finds and reads it.
    Pass pass(*this, receiver, kNoTry, call);
    const auto take = [&](const format::IndexLine& line) -> Result<void> {
        const auto* open = std::get_if<format::OpenLine>(&line);
        const bool found = open != nullptr && open->path == path &&
                           static_cast<std::size_t>(open->number) <= tries_.size() &&
                           tries_[static_cast<std::size_t>(open->number - 1)].bytes >= 0;
        if (found) {
            if (number) return damaged("index: a file is done twice");
            number = open->number;
            pass.read_only(*number);
        }
        return pass.take(line);
    };
    N4B_TRY_VOID(read_index(artifact_, index_buffer_, take, call));
    if (!number) {
        return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                          path ? fmt::format("the artifact has no file {}", archive::quoted_name(*path))
                               : "the artifact has no transaction log");
    }
    N4B_TRY_VOID(pass.finish());
    return check_ends(number);
}

Result<void> ArtifactReader::read_transactions(const std::function<Result<void>(const format::TransactionGroup&)>& take,
                                               const object_store::Call& call) {
    return read_index(
        artifact_, index_buffer_,
        [&](const format::IndexLine& line) -> Result<void> {
            const auto* group = std::get_if<format::TransactionGroup>(&line);
            return group == nullptr ? Result<void>{} : take(*group);
        },
        call);
}

}  // namespace n4b::blocks
