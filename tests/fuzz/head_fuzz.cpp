#include <cstdint>
#include <string_view>

#include "backup-runner/archive/head.hpp"

/// What parses must survive its own form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto head = n4b::archive::parse_head({reinterpret_cast<const char*>(data), size});
    if (!head) return 0;
    const auto again = n4b::archive::parse_head(n4b::archive::to_json(*head));
    if (!again) __builtin_trap();
    return 0;
}
