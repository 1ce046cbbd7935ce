#include <cstdint>
#include <span>

#include "backup-runner/catchup/handshake.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] + 1U;
    const auto input = std::as_bytes(std::span(data + 1, size - 1));
    n4b::catchup::Handshake handshake(n4b::catchup::Family::kNeo4j);
    for (std::size_t at = 0; at < input.size() && !handshake.done(); at += piece) {
        auto rest = input.subspan(at, std::min(piece, input.size() - at));
        while (!rest.empty() && !handshake.done()) {
            if (!handshake.feed(rest)) return 0;
        }
    }
    return 0;
}
