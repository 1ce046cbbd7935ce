#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/seen_object.hpp"

namespace {

using namespace n4b::kube;

constexpr ObjectLimits kLimits{.bytes = 300, .values = 30};

/// What comes out of a text that is fed in pieces of that length.
std::vector<std::string> scan(std::string_view text, std::size_t piece) {
    std::vector<std::string> out;
    const auto keep = [&](const ScannedObject& object) {
        out.emplace_back(object.text);
        out.emplace_back(object.too_large ? "too large" : "fits");
        return parse_object(object, kLimits, [](const SeenObject&) { return true; });
    };
    ObjectScanner scanner(kLimits, keep, [&](const ScannedDocument& document) {
        out.emplace_back(document.type);
        out.emplace_back(document.metadata);
        return !document.has_object || keep(document.object);
    });
    bool ok = true;
    while (!text.empty() && ok) {
        ok = scanner.feed(text.substr(0, piece)).value_or(false);
        text.remove_prefix(std::min(piece, text.size()));
    }
    out.emplace_back(ok ? "ok" : "ended");
    if (ok) out.emplace_back(scanner.complete() ? "complete" : "incomplete");
    return out;
}

}  // namespace

/// Lists and watches of an API server. Where the network cuts them makes no difference.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t piece = data[0] % 16 + 1;
    if (scan(text, piece) != scan(text, text.size() + 1)) std::abort();
    return 0;
}
