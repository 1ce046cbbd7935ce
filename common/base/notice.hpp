#pragma once

#include <string_view>

namespace n4b::base {

/// Writes to standard error as much as that takes. Where it takes nothing, since it is closed or its disk is full, the
/// text is lost and the caller's work goes on: there is nobody left to tell. Thread-safe; never throws.
void notice(std::string_view text) noexcept;

}  // namespace n4b::base
