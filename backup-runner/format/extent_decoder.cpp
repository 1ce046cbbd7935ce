#include <fmt/format.h>
#include <zstd.h>

#include <vector>

#include "backup-runner/format/damage.hpp"
#include "backup-runner/format/extent_encoder.hpp"
#include "backup-runner/format/xxh3.hpp"
#include "common/base/check.hpp"

namespace n4b::format {
namespace {

using base::Result;

constexpr int kMaxWindowLog = 23;
constexpr std::size_t kOutputBytes = 128 * 1024;

}  // namespace

struct ExtentDecoder::Context {
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd{ZSTD_createDCtx(), ZSTD_freeDCtx};
    std::vector<std::byte> output = std::vector<std::byte>(kOutputBytes);
    Xxh3 hash{};
};

ExtentDecoder::ExtentDecoder() : context_(std::make_unique<Context>()) {
    N4B_CHECK(context_->zstd != nullptr, "no memory for a zstd context");
    ZSTD_DCtx_setParameter(context_->zstd.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
}
ExtentDecoder::~ExtentDecoder() = default;

Result<void> ExtentDecoder::decode_all(std::span<const std::byte> frames, const PlainSink& sink) {
    ZSTD_DCtx_reset(context_->zstd.get(), ZSTD_reset_session_only);
    ZSTD_inBuffer input{frames.data(), frames.size(), 0};
    bool ended = true;
    for (bool full = false; input.pos < input.size || full;) {
        ZSTD_outBuffer output{context_->output.data(), context_->output.size(), 0};
        const std::size_t hint = ZSTD_decompressStream(context_->zstd.get(), &output, &input);
        if (ZSTD_isError(hint) != 0) return damaged(fmt::format("zstd: {}", ZSTD_getErrorName(hint)));
        ended = hint == 0;
        if (output.pos > 0) N4B_TRY_VOID(sink(std::span(context_->output).first(output.pos)));
        // A full output buffer may hide more output although the input is used up.
        full = output.pos == output.size && hint != 0;
    }
    if (!ended) return damaged("zstd: the frame is cut short");
    return {};
}

Result<void> ExtentDecoder::decode(std::span<const std::byte> block, const EncodedExtent& extent,
                                   const PlainSink& sink) {
    const auto size = static_cast<std::int64_t>(block.size());
    if (extent.block_offset < 0 || extent.stored_length < 1 || extent.block_offset > size ||
        extent.stored_length > size - extent.block_offset) {
        return damaged("an extent lies beyond its block's end");
    }
    const auto stored =
        block.subspan(static_cast<std::size_t>(extent.block_offset), static_cast<std::size_t>(extent.stored_length));
    if (!extent.xxh3) {
        if (extent.plain_length != extent.stored_length) return damaged("an extent of plain bytes has two lengths");
        return sink(stored);
    }
    std::int64_t plain = 0;
    auto decoded = decode_all(stored, [&](std::span<const std::byte> bytes) -> Result<void> {
        plain += static_cast<std::int64_t>(bytes.size());
        // Frames of a few bytes may decode without end.
        if (plain > extent.plain_length) return damaged("an extent decodes to more than its length");
        context_->hash.update(bytes);
        return sink(bytes);
    });
    const auto hash = context_->hash.finish();
    if (!decoded) return decoded;
    if (plain != extent.plain_length) return damaged("an extent decodes to less than its length");
    if (hash != *extent.xxh3) return damaged("an extent decodes to other bytes than were encoded");
    return {};
}

}  // namespace n4b::format
