#include <cstdint>
#include <string_view>

#include "common/contract/catalogue.hpp"

/// What the operator reads from a runner's port, which anything at that address could answer. What parses and
/// fits once more parses again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b::contract;
    const auto page = parse_catalogue_page({reinterpret_cast<const char*>(data), size});
    if (!page) return 0;
    const auto text = to_json(*page);
    if (text.size() > kMaxCataloguePageBytes) return 0;
    const auto again = parse_catalogue_page(text);
    if (!again || again->chains.size() != page->chains.size()) __builtin_trap();
    return 0;
}
