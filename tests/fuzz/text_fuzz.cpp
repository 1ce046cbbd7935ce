#include <cstdint>
#include <string_view>

#include "common/base/duration.hpp"
#include "common/base/quantity.hpp"
#include "common/base/rfc3339.hpp"

/// The small forms in which people and servers write numbers and times.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto quantity = base::parse_quantity(text); quantity && *quantity < 0) __builtin_trap();
    if (const auto time = base::parse_rfc3339(text)) {
        const auto form = base::format_rfc3339(*time);
        // A zone can carry the first and last hours of the calendar over its edge.
        if (form.size() == 20 && form[0] != '-' && !base::parse_rfc3339(form)) __builtin_trap();
    }
    (void)base::parse_duration(text);
    return 0;
}
