#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

namespace n4b::runner {

/// The first of these environment variables that is set, else an empty text.
std::string from_environment(std::initializer_list<const char*> names);

/// The memory limit of this process's cgroup in bytes; nothing: there is none.
std::optional<std::int64_t> memory_limit();

}  // namespace n4b::runner
