#include "backup-runner/archive/zstd_stream.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <vector>

#include "common/base/check.hpp"

namespace n4b::archive {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// Level 1 keeps up with a network; a window of 256 KiB keeps several streams within a few MiB. Records of fixed size
/// repeat their neighbours: with a hash table of 16 KiB store files are compressed a tenth faster and 4 % smaller than
/// with the level's own of 64 KiB, and text 6 % larger.
constexpr int kLevel = 1;
constexpr int kWindowLog = 18;
constexpr int kHashLog = 12;
constexpr int kMaxWindowLog = 23;
constexpr std::size_t kOutputBytes = 128 * 1024;

tl::unexpected<base::Error> damaged(std::string what) {
    return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged, std::move(what));
}

}  // namespace

struct ZstdCompressor::Context {
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> handle{ZSTD_createCCtx(), ZSTD_freeCCtx};
    std::vector<std::byte> output = std::vector<std::byte>(kOutputBytes);
};

ZstdCompressor::ZstdCompressor() : context_(std::make_unique<Context>()) {
    auto* handle = context_->handle.get();
    N4B_CHECK(handle != nullptr, "no memory for a zstd context");
    ZSTD_CCtx_setParameter(handle, ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(handle, ZSTD_c_windowLog, kWindowLog);
    ZSTD_CCtx_setParameter(handle, ZSTD_c_hashLog, kHashLog);
    ZSTD_CCtx_setParameter(handle, ZSTD_c_checksumFlag, 1);
}
ZstdCompressor::~ZstdCompressor() = default;

Result<void> ZstdCompressor::write(std::span<const std::byte> bytes, const ByteSink& sink) {
    return run(bytes, false, sink);
}

Result<void> ZstdCompressor::finish(const ByteSink& sink) {
    return run({}, true, sink);
}

Result<void> ZstdCompressor::run(std::span<const std::byte> bytes, bool end, const ByteSink& sink) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    for (;;) {
        ZSTD_outBuffer output{context_->output.data(), context_->output.size(), 0};
        const std::size_t left =
            ZSTD_compressStream2(context_->handle.get(), &output, &input, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left) != 0) {
            return base::fail(ErrorCode::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(left)));
        }
        if (output.pos > 0) N4B_TRY_VOID(sink(std::span(context_->output).first(output.pos)));
        if (end ? left == 0 : input.pos == input.size) return {};
    }
}

struct ZstdDecompressor::Context {
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> handle{ZSTD_createDCtx(), ZSTD_freeDCtx};
    std::vector<std::byte> output = std::vector<std::byte>(kOutputBytes);
    bool ended = true;  ///< At the end of a frame (no frame counts as such only after at least one).
    bool started = false;
};

ZstdDecompressor::ZstdDecompressor() : context_(std::make_unique<Context>()) {
    N4B_CHECK(context_->handle != nullptr, "no memory for a zstd context");
    ZSTD_DCtx_setParameter(context_->handle.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
}
ZstdDecompressor::~ZstdDecompressor() = default;

Result<void> ZstdDecompressor::write(std::span<const std::byte> bytes, const ByteSink& sink) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    for (bool full = false; input.pos < input.size || full;) {
        ZSTD_outBuffer output{context_->output.data(), context_->output.size(), 0};
        const std::size_t hint = ZSTD_decompressStream(context_->handle.get(), &output, &input);
        if (ZSTD_isError(hint) != 0) return damaged(fmt::format("zstd: {}", ZSTD_getErrorName(hint)));
        context_->started = true;
        context_->ended = hint == 0;
        if (output.pos > 0) N4B_TRY_VOID(sink(std::span(context_->output).first(output.pos)));
        // A full output buffer may hide more output although the input is used up.
        full = output.pos == output.size && hint != 0;
    }
    return {};
}

Result<void> ZstdDecompressor::finish() {
    if (!context_->started || !context_->ended) return damaged("zstd: the frame is cut short");
    return {};
}

}  // namespace n4b::archive
