#include <cstdint>
#include <string_view>

#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto spec = n4b::contract::parse_run_spec(text)) {
        if (!n4b::contract::parse_run_spec(n4b::contract::to_json(*spec))) __builtin_trap();
    }
    (void)n4b::contract::parse_run_report(text);
    return 0;
}
