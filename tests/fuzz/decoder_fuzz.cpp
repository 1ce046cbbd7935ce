#include <cstdint>
#include <span>

#include "backup-runner/catchup/decoder.hpp"

/// The first byte chooses the size of the pieces, so that every cut of a message is tried.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] + 1U;
    const auto input = std::as_bytes(std::span(data + 1, size - 1));
    n4b::catchup::Decoder decoder;
    for (std::size_t at = 0; at < input.size(); at += piece) {
        auto rest = input.subspan(at, std::min(piece, input.size() - at));
        for (;;) {
            const auto event = decoder.next(rest);
            if (!event) return 0;
            if (std::holds_alternative<n4b::catchup::NeedMore>(*event)) break;
        }
        if (!rest.empty()) __builtin_trap();
    }
    return 0;
}
