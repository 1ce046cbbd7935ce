#include "backup-runner/object_store/secret_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "backup-runner/storage/descriptor.hpp"

namespace n4b::object_store {
namespace {

using base::Result;

/// Session tokens and web identity tokens have a few KiB.
constexpr std::size_t kMaxBytes = 16 * 1024;
constexpr std::string_view kSpaces = " \t\r\n";

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kStorageCredentialsInvalid, std::move(message));
}

}  // namespace

bool can_stand_in_header(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string without(std::string text, const std::string& secret) {
    if (secret.empty()) return text;
    constexpr std::string_view kStars = "***";
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kStars.size())) {
        text.replace(at, secret.size(), kStars);
    }
    return text;
}

Result<std::string> read_secret(int file, std::string_view what) {
    std::string text(kMaxBytes + 1, '\0');
    const ssize_t n = ::read(file, text.data(), text.size());
    if (n < 0) return bad(fmt::format("{}: {}", what, std::generic_category().message(errno)));
    text.resize(static_cast<std::size_t>(n));
    if (text.size() > kMaxBytes) return bad(fmt::format("{}: found more than {} bytes", what, kMaxBytes));
    // Editors and `echo` end a file with a line end, which would make every signature wrong.
    text.resize(text.find_last_not_of(kSpaces) + 1);
    if (!can_stand_in_header(text)) return bad(fmt::format("{}: expected printable ASCII without spaces", what));
    return text;
}

Result<std::string> read_secret_file(std::string_view what, const std::string& path) {
    const auto named = fmt::format("{} {}", what, path);
    const storage::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return bad(fmt::format("{}: {}", named, std::generic_category().message(errno)));
    N4B_TRY(auto text, read_secret(file.get(), named));
    if (text.empty()) return bad(named + ": the file is empty");
    return text;
}

}  // namespace n4b::object_store
