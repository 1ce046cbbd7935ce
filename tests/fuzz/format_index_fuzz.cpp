#include <cstdint>
#include <string_view>

#include "backup-runner/format/index_line.hpp"

/// What parses must survive its own form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto line = n4b::format::parse_index_line({reinterpret_cast<const char*>(data), size});
    if (!line) return 0;
    auto text = n4b::format::to_line(*line);
    text.pop_back();
    // Escapes make some characters six times as long.
    if (text.size() > n4b::format::kMaxIndexLineBytes) return 0;
    const auto again = n4b::format::parse_index_line(text);
    if (!again || *again != *line) __builtin_trap();
    return 0;
}
