#include "common/base/printable.hpp"

namespace n4b::base {

std::string printable(std::string_view text) {
    constexpr unsigned char kC1Lead = 0xC2;
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
        const bool is_c1 = c == kC1Lead && next >= 0x80 && next < 0xA0;
        shown.push_back(c < 0x20 || c == 0x7F || is_c1 ? '?' : text[i]);
        if (is_c1) ++i;
    }
    return shown;
}

}  // namespace n4b::base
