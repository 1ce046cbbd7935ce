#include "backup-runner/app/environment.hpp"

#include <cstdlib>

namespace n4b::runner {

std::string from_environment(std::initializer_list<const char*> names) {
    for (const auto* name : names) {
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
    }
    return {};
}

}  // namespace n4b::runner
