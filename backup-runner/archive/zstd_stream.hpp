#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "common/base/result.hpp"

namespace n4b::archive {

/// Takes what a stream produced; its error ends the stream.
using ByteSink = std::function<base::Result<void>(std::span<const std::byte>)>;

/// Compresses one frame with a content checksum. Memory: at most about 3 MiB, whatever the length. Pure; one thread.
class ZstdCompressor {
public:
    ZstdCompressor();
    ~ZstdCompressor();
    ZstdCompressor(const ZstdCompressor&) = delete;
    ZstdCompressor& operator=(const ZstdCompressor&) = delete;

    base::Result<void> write(std::span<const std::byte> bytes, const ByteSink& sink);
    /// Ends the frame.
    base::Result<void> finish(const ByteSink& sink);

private:
    struct Context;
    base::Result<void> run(std::span<const std::byte> bytes, bool end, const ByteSink& sink);
    std::unique_ptr<Context> context_;
};

/// The way back. DataLoss (ArtifactDamaged): not zstd, damaged, a window above 8 MiB, or cut short. Pure; one thread.
class ZstdDecompressor {
public:
    ZstdDecompressor();
    ~ZstdDecompressor();
    ZstdDecompressor(const ZstdDecompressor&) = delete;
    ZstdDecompressor& operator=(const ZstdDecompressor&) = delete;

    base::Result<void> write(std::span<const std::byte> bytes, const ByteSink& sink);
    /// Checks that the last frame has ended.
    base::Result<void> finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

}  // namespace n4b::archive
