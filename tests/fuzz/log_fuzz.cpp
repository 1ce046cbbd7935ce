#include <cstdint>
#include <span>

#include "backup-runner/txlog/log_format.hpp"

/// The input is one transaction, as it comes in a frame: what is accepted has room for all that it claims.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto commit = txlog::parse_commit(bytes.last(std::min(size, txlog::kCommitBytes)));
    if (commit && (size < txlog::kCommitBytes || commit->time_ms < -1)) __builtin_trap();
    // Heads are cut at any place, the size is what the frame said.
    for (const std::size_t head : {size, std::min<std::size_t>(size, 256), std::min<std::size_t>(size, 40)}) {
        const auto checksum = txlog::transaction_checksum(bytes.first(head), size);
        if (checksum && size < txlog::kStartBytes + 2) __builtin_trap();
    }
    return 0;
}
