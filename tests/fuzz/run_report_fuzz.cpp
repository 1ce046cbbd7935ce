#include <cstdint>
#include <string_view>

#include "common/contract/run_report.hpp"

/// What the operator reads from a termination message, which anybody in the pod could have written. What parses and
/// fits once more parses again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b::contract;
    const auto report = parse_run_report({reinterpret_cast<const char*>(data), size});
    if (!report) return 0;
    const auto text = to_json(*report);
    if (text.size() <= kMaxRunReportBytes && !parse_run_report(text)) __builtin_trap();
    return 0;
}
