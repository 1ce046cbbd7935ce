#include <cstdint>
#include <cstring>
#include <span>

#include "backup-runner/format/extent_encoder.hpp"

/// The first bytes say what the extent is said to be, the rest is the block.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    struct Promise {
        std::int32_t plain_length;
        std::int32_t block_offset;
        std::int32_t stored_length;
        std::uint32_t has_hash;
    } promise{};
    if (size < sizeof(promise)) return 0;
    std::memcpy(&promise, data, sizeof(promise));
    const n4b::format::EncodedExtent extent{
        .plain_length = promise.plain_length,
        .block_offset = promise.block_offset,
        .stored_length = promise.stored_length,
        .xxh3 = promise.has_hash % 2 == 0 ? std::nullopt : std::optional<std::uint64_t>(promise.has_hash)};
    std::int64_t decoded = 0;
    const auto sink = [&](std::span<const std::byte> bytes) {
        decoded += static_cast<std::int64_t>(bytes.size());
        return n4b::base::Result<void>{};
    };
    static n4b::format::ExtentDecoder decoder;
    const auto done = decoder.decode(std::as_bytes(std::span(data, size)).subspan(sizeof(promise)), extent, sink);
    if (done && decoded != extent.plain_length) __builtin_trap();
    if (decoded > 0 && decoded > extent.plain_length) __builtin_trap();
    return 0;
}
