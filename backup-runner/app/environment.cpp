#include "backup-runner/app/environment.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "backup-runner/engine/budget.hpp"

namespace n4b::runner {

std::string from_environment(std::initializer_list<const char*> names) {
    for (const auto* name : names) {
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
    }
    return {};
}

std::optional<std::int64_t> memory_limit() {
    std::ifstream file("/proc/self/cgroup");
    const std::string self{std::istreambuf_iterator<char>(file), {}};
    return engine::cgroup_limit("/sys/fs/cgroup", self);
}

}  // namespace n4b::runner
