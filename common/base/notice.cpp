#include "common/base/notice.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace n4b::base {

void notice(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto n = ::write(STDERR_FILENO, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

}  // namespace n4b::base
