#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "common/base/result.hpp"

namespace n4b::format {

enum class Encoding { kNone, kZstd };

/// An extent as it stands in a block; whose it is, its writer knows.
struct EncodedExtent {
    std::int64_t plain_length = 0;
    std::int64_t block_offset = 0;
    std::int64_t stored_length = 0;
    std::optional<std::uint64_t> xxh3{};  ///< Of the plain bytes; absent where they are stored as they are.
    bool operator==(const EncodedExtent&) const = default;
};

/// Fills blocks with extents. An extent is one zstd frame with a checksum, or plain bytes, and never leaves its block.
/// Memory: at most about 1 MiB with zstd. Pure; one thread.
///
/// Expected flow: begin_block, then for each piece of a file append until all of it is taken. What append doesn't take
/// needs another block: end_extent, hand the block over, begin_block. end_extent also when a file ends.
class ExtentEncoder {
public:
    explicit ExtentEncoder(Encoding encoding);
    ~ExtentEncoder();
    ExtentEncoder(const ExtentEncoder&) = delete;
    ExtentEncoder& operator=(const ExtentEncoder&) = delete;

    /// Starts with an empty block, which is borrowed until the next one. At least 1 KiB.
    void begin_block(std::span<std::byte> block);

    /// Takes as much as surely fits, at once; the block is full when that isn't all. Internal: zstd fails.
    base::Result<std::size_t> append(std::span<const std::byte> bytes);

    /// Ends the extent; nothing when no byte was appended since the last one.
    base::Result<std::optional<EncodedExtent>> end_extent();

    /// Bytes of the block in use, whole extents only right after end_extent.
    [[nodiscard]] std::size_t filled() const { return filled_; }

private:
    struct Context;
    [[nodiscard]] std::size_t fits() const;
    base::Result<void> compress(std::span<const std::byte> bytes, int directive);

    const Encoding encoding_;
    std::unique_ptr<Context> context_;
    std::span<std::byte> block_{};
    std::size_t filled_ = 0;
    std::size_t extent_begin_ = 0;
    std::int64_t plain_length_ = 0;
    std::size_t unflushed_ = 0;  ///< Of plain bytes: at most so many still lie within zstd.
};

/// Takes what an extent decodes to.
using PlainSink = std::function<base::Result<void>(std::span<const std::byte>)>;

/// Decodes extents. Memory: at most about 1 MiB more than a frame's window, of at most 8 MiB. Pure; one thread.
class ExtentDecoder {
public:
    ExtentDecoder();
    ~ExtentDecoder();
    ExtentDecoder(const ExtentDecoder&) = delete;
    ExtentDecoder& operator=(const ExtentDecoder&) = delete;

    /// Passes on the plain form of one extent in pieces, and checks its length and xxh3. DataLoss (ArtifactDamaged), of
    /// which the sink may learn too late: what it was given is to be used only after success.
    base::Result<void> decode(std::span<const std::byte> block, const EncodedExtent& extent, const PlainSink& sink);

    /// Decodes whole frames of unknown plain length, such as a block of the index.
    base::Result<void> decode_all(std::span<const std::byte> frames, const PlainSink& sink);

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

}  // namespace n4b::format
