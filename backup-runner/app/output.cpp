#include "backup-runner/app/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace n4b::runner {

void Output::write(std::string_view text) {
    used_ = true;
    while (works() && !text.empty()) {
        const auto n = ::write(STDOUT_FILENO, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) error_ = errno;
        if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
}

base::Result<void> Output::check() const {
    if (works()) return {};
    return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kOutputFailed,
                      fmt::format("write to standard output: {}", std::generic_category().message(error_)));
}

}  // namespace n4b::runner
