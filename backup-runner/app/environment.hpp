#pragma once

#include <initializer_list>
#include <string>

namespace n4b::runner {

/// The first of these environment variables that is set, else an empty text.
std::string from_environment(std::initializer_list<const char*> names);

}  // namespace n4b::runner
