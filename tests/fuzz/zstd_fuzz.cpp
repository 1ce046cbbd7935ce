#include <cstdint>
#include <span>

#include "backup-runner/archive/zstd_stream.hpp"
#include "common/base/error.hpp"

/// What lies in a storage may be anything. The first byte chooses the size of the pieces; what grows beyond a megabyte
/// is refused by the sink, as every reader does that knows what it expects.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    if (size == 0) return 0;
    const std::size_t piece = data[0] + 1U;
    const auto input = std::as_bytes(std::span(data + 1, size - 1));
    std::size_t produced = 0;
    const archive::ByteSink sink = [&](std::span<const std::byte> bytes) -> base::Result<void> {
        produced += bytes.size();
        if (produced > 1024 * 1024) return base::fail(base::ErrorCode::kDataLoss, "longer than expected");
        return {};
    };
    archive::ZstdDecompressor decompressor;
    for (std::size_t at = 0; at < input.size(); at += piece) {
        if (!decompressor.write(input.subspan(at, std::min(piece, input.size() - at)), sink)) return 0;
    }
    (void)decompressor.finish();
    return 0;
}
