#include "backup-runner/format/extent_encoder.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "backup-runner/format/xxh3.hpp"
#include "common/base/check.hpp"

namespace n4b::format {
namespace {

using base::ErrorCode;
using base::Result;

/// Level 1 keeps up with a network; a window of 256 KiB keeps several streams within a few MiB. Records of fixed size
/// repeat their neighbours: with a hash table of 16 KiB store files are compressed a tenth faster and 4 % smaller than
/// with the level's own of 64 KiB, and text 6 % larger.
constexpr int kLevel = 1;
constexpr int kWindowLog = 18;
constexpr int kHashLog = 12;

constexpr std::size_t kPiece = 64 * 1024;  ///< Given to zstd at once.
constexpr std::size_t kMaxBuffered =
    128 * 1024;  ///< zstd compresses what it holds once it has as much: one block of its.
/// Beside compressBound: a frame's header (18 bytes at most), its checksum (4), and an empty last block (3).
constexpr std::size_t kFrameBytes = 32;
constexpr std::size_t kLeastBlock = 1024;

}  // namespace

struct ExtentEncoder::Context {
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd{nullptr, ZSTD_freeCCtx};
    Xxh3 hash{};
};

ExtentEncoder::ExtentEncoder(Encoding encoding) : encoding_(encoding), context_(std::make_unique<Context>()) {
    if (encoding_ == Encoding::kNone) return;
    context_->zstd.reset(ZSTD_createCCtx());
    auto* zstd = context_->zstd.get();
    N4B_CHECK(zstd != nullptr, "no memory for a zstd context");
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, kWindowLog);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, kHashLog);
    // xxh3 says the same of an extent, but zstd's own tool can't check that when somebody restores by hand.
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
}
ExtentEncoder::~ExtentEncoder() = default;

void ExtentEncoder::begin_block(std::span<std::byte> block) {
    N4B_CHECK(block.size() >= kLeastBlock, "a block of less than 1 KiB");
    N4B_CHECK(plain_length_ == 0, "an extent goes on in another block");
    block_ = block;
    filled_ = 0;
    extent_begin_ = 0;
}

/// How many plain bytes, those within zstd included, the rest of the block surely takes: the reverse of
/// ZSTD_compressBound, which adds a 256th and at most 64 bytes.
std::size_t ExtentEncoder::fits() const {
    const std::size_t room = block_.size() - filled_;
    if (encoding_ == Encoding::kNone) return room;
    constexpr std::size_t kFixed = kFrameBytes + 64;
    return room > kFixed ? (room - kFixed) / 257 * 256 : 0;
}

Result<std::size_t> ExtentEncoder::append(std::span<const std::byte> bytes) {
    const std::size_t least = encoding_ == Encoding::kNone ? 1 : std::min<std::size_t>(4096, block_.size() / 8);
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        if (fits() < std::min(unflushed_, kMaxBuffered) + least && unflushed_ > 0) {
            // Often far more room is left than the worst case of what zstd holds: look how much it really took.
            N4B_TRY_VOID(compress({}, ZSTD_e_flush));
            unflushed_ = 0;
        }
        const std::size_t room = fits();
        const std::size_t held = std::min(unflushed_, kMaxBuffered);
        if (room < held + least && room < held + (bytes.size() - taken)) return taken;
        const auto piece = bytes.subspan(taken, std::min({bytes.size() - taken, kPiece, room - held}));
        if (encoding_ == Encoding::kNone) {
            std::memcpy(block_.data() + filled_, piece.data(), piece.size());
            filled_ += piece.size();
        } else {
            context_->hash.update(piece);
            N4B_TRY_VOID(compress(piece, ZSTD_e_continue));
            unflushed_ += piece.size();
        }
        plain_length_ += static_cast<std::int64_t>(piece.size());
        taken += piece.size();
    }
    return taken;
}

Result<void> ExtentEncoder::compress(std::span<const std::byte> bytes, int directive) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer output{block_.data(), block_.size(), filled_};
    for (;;) {
        const std::size_t before = output.pos + input.pos;
        const std::size_t left =
            ZSTD_compressStream2(context_->zstd.get(), &output, &input, static_cast<ZSTD_EndDirective>(directive));
        if (ZSTD_isError(left) != 0) {
            return base::fail(ErrorCode::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(left)));
        }
        filled_ = output.pos;
        if (directive == ZSTD_e_continue ? input.pos == input.size : left == 0) return {};
        N4B_CHECK(output.pos + input.pos != before, "zstd needs more room than its bound");
    }
}

Result<std::optional<EncodedExtent>> ExtentEncoder::end_extent() {
    if (plain_length_ == 0) return std::nullopt;
    EncodedExtent extent{.plain_length = plain_length_, .block_offset = static_cast<std::int64_t>(extent_begin_)};
    if (encoding_ == Encoding::kZstd) {
        N4B_TRY_VOID(compress({}, ZSTD_e_end));
        extent.xxh3 = context_->hash.finish();
    }
    extent.stored_length = static_cast<std::int64_t>(filled_ - extent_begin_);
    extent_begin_ = filled_;
    plain_length_ = 0;
    unflushed_ = 0;
    return extent;
}

}  // namespace n4b::format
