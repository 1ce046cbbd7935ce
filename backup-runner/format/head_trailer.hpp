#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

#include "backup-runner/archive/digest.hpp"

namespace n4b::format {

/// Of `,"sha256":"<64 digits>"}` and a newline. As the end is always of this form, `head -c -78 | sha256sum` checks it.
inline constexpr std::size_t kTrailerBytes = 78;

/// The 64 digits.
inline std::string hex_sha256(std::string_view text) {
    return archive::digits_of(archive::sha256(std::as_bytes(std::span(text))));
}

/// What follows the body of a head, which lacks its closing brace.
inline std::string trailer_of(std::string_view body) {
    return fmt::format(",\"sha256\":\"{}\"}}\n", hex_sha256(body));
}

}  // namespace n4b::format
