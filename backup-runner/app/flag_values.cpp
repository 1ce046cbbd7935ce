#include "backup-runner/app/flag_values.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "common/base/duration.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Result;

constexpr std::uint16_t kBackupPort = 6362;

/// Two numbers with a colon between them, and nothing else.
template <typename Number>
std::optional<std::pair<Number, Number>> parse_pair(const std::string& text, int base) {
    std::pair<Number, Number> pair;
    const auto* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, pair.first, base);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return std::nullopt;
    const auto second = std::from_chars(first.ptr + 1, end, pair.second, base);
    if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
    return pair;
}

}  // namespace

tl::unexpected<base::Error> bad_flag(std::string message) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kInvalidRunSpec, std::move(message));
}

Result<void> check_name(std::string_view flag, const std::string& name) {
    if (name.empty()) return bad_flag(fmt::format("{} is required", flag));
    if (contract::is_storage_name(name)) return {};
    return bad_flag(fmt::format("{}: \"{}\" is not a name of 1 to 128 letters, digits, '.', '_' and '-'", flag, name));
}

Result<std::chrono::milliseconds> parse_span(std::string_view flag, const std::string& text) {
    const auto span = base::parse_duration(text);
    if (!span) return bad_flag(fmt::format("{}: {}", flag, span.error().message));
    if (span->count() > 0) return *span;
    return bad_flag(fmt::format("{}: found \"{}\", expected more than nothing", flag, text));
}

Result<contract::Endpoint> parse_endpoint(const std::string& text) {
    std::string host = text;
    std::string port;
    const auto bracket = text.find(']');
    const auto colon = text.rfind(':');
    if (text.starts_with('[') && bracket != std::string::npos) {
        host = text.substr(1, bracket - 1);
        if (bracket + 1 < text.size()) {
            if (text[bracket + 1] != ':') return bad_flag(fmt::format("--from: \"{}\" is not HOST:PORT", text));
            port = text.substr(bracket + 2);
        }
    } else if (colon != std::string::npos) {
        if (text.find(':') != colon) return bad_flag(fmt::format("--from: write \"{}\" as [ADDRESS]:PORT", text));
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    std::uint16_t number = kBackupPort;
    const bool has_port = colon != std::string::npos && host != text;
    if (has_port && (bracket == std::string::npos || bracket + 1 < text.size())) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc() || end != port.data() + port.size() || number == 0) {
            return bad_flag(fmt::format("--from: \"{}\" is not a port", port));
        }
    }
    if (host.empty()) return bad_flag(fmt::format("--from: \"{}\" has no host", text));
    return contract::Endpoint{.host = host, .port = number};
}

Result<base::SystemTime> parse_time(std::string_view flag, const std::string& text) {
    if (const auto time = base::parse_rfc3339(text)) return *time;
    return bad_flag(fmt::format("{}: found \"{}\", expected a time such as 2026-11-27T09:30:00Z", flag, text));
}

Result<storage::Owner> parse_owner(const std::string& text) {
    constexpr int kDecimal = 10;
    constexpr std::uint32_t kUnchanged = UINT32_MAX;  // What chown() takes for: leave it.
    const auto ids = parse_pair<std::uint32_t>(text, kDecimal);
    if (ids && ids->first != kUnchanged && ids->second != kUnchanged) {
        return storage::Owner{.user = ids->first, .group = ids->second};
    }
    return bad_flag(fmt::format("--owner: found \"{}\", expected UID:GID in numbers, such as 7474:7474", text));
}

Result<storage::Modes> parse_modes(const std::string& text) {
    constexpr int kOctal = 8;
    constexpr std::uint32_t kMost = 0777;
    constexpr std::uint32_t kLeastFile = 0600;
    constexpr std::uint32_t kLeastDirectory = 0700;
    const auto modes = parse_pair<std::uint32_t>(text, kOctal);
    const bool in_range = modes && modes->first <= kMost && modes->second <= kMost;
    if (in_range && (modes->first & kLeastFile) == kLeastFile && (modes->second & kLeastDirectory) == kLeastDirectory) {
        return storage::Modes{.file = modes->first, .directory = modes->second};
    }
    return bad_flag(fmt::format(
        "--modes: found \"{}\", expected FILES:DIRECTORIES in octal, at least 0600:0700, such as 0640:0750", text));
}

}  // namespace n4b::runner
