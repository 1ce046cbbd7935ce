#pragma once

namespace n4b::runner {

inline constexpr char kVersion[] = N4B_VERSION;

}  // namespace n4b::runner
