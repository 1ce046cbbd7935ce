#pragma once

#include <string>
#include <string_view>

namespace n4b::base {

/// Text from outside as it may stand in a message: '?' in place of every control character (C0, DEL, and C1 as UTF-8),
/// so that it can neither move a terminal's cursor nor begin a line of its own in a log.
std::string printable(std::string_view text);

}  // namespace n4b::base
