#include <cstdint>
#include <string>

#include "backup-runner/format/head.hpp"
#include "backup-runner/format/head_trailer.hpp"

namespace {

/// What parses must be printed in a form that says the same.
void check(const std::string& text) {
    const auto head = n4b::format::parse_head(text);
    if (!head) return;
    const auto printed = n4b::format::print_head(*head);
    if (!printed) {
        // White space and escapes that the fuzzer left out are printed, so that the limit may be passed.
        if (text.size() < n4b::format::kMaxHeadBytes / 8) __builtin_trap();
        return;
    }
    const auto again = n4b::format::parse_head(*printed);
    if (!again || *again != *head) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check(text);
    // A digest that fits is beyond a fuzzer.
    check(text + n4b::format::trailer_of(text));
    return 0;
}
