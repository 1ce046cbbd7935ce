#include "backup-runner/engine/budget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace n4b::engine {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;
/// The program itself, its libraries and the stacks of its threads: measured peak RSS without buffers, with room.
constexpr std::int64_t kProgramBytes = 14 * kMiB;
/// A zstd stream at our level and window, and a list of files at its largest.
constexpr std::int64_t kCompressorBytes = 2 * kMiB;
constexpr std::int64_t kSharedBytes = 4 * kMiB;
constexpr std::array<std::size_t, 3> kBufferSizes{256 * 1024, 128 * 1024, 64 * 1024};
/// cgroup v1 says "no limit" with a number near 2^63.
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;

std::int64_t needed(std::int64_t connections, std::size_t buffer, contract::Compression compression,
                    net::MemoryUse network) {
    // One stream more than connections: the pull of transactions has its own.
    const std::int64_t stream = 2 * static_cast<std::int64_t>(buffer) + static_cast<std::int64_t>(network.each) +
                                (compression == contract::Compression::kZstd ? kCompressorBytes : 0);
    return kProgramBytes + kSharedBytes + static_cast<std::int64_t>(network.shared) + (connections + 1) * stream;
}

std::optional<std::int64_t> read_number(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    if (!std::getline(file, text)) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value >= kUnlimited) return std::nullopt;
    return value;
}

}  // namespace

base::Result<Budget> fit(std::optional<std::int64_t> limit, std::int64_t wanted_connections,
                         contract::Compression compression, net::MemoryUse network) {
    for (const std::size_t buffer : kBufferSizes) {
        for (std::int64_t connections = wanted_connections; connections >= 1; --connections) {
            if (!limit || needed(connections, buffer, compression, network) <= *limit) {
                return Budget{.connections = connections, .buffers = {.receive = buffer, .write = buffer}};
            }
        }
    }
    const auto least = needed(1, kBufferSizes.back(), compression, network);
    return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kMemoryLimitTooSmall,
                      fmt::format("the memory limit is {} MiB, a backup with compression {} needs at least {} MiB",
                                  *limit / kMiB, contract::to_string(compression), (least + kMiB - 1) / kMiB));
}

std::optional<std::int64_t> cgroup_limit(const std::string& root, const std::string& self) {
    std::vector<std::string> candidates{root + "/memory.max", root + "/memory/memory.limit_in_bytes"};
    // In a container with its own cgroup namespace the files above are ours; outside, the path of /proc/self/cgroup is.
    std::istringstream lines(self);
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const auto path = line.substr(second + 1);
        if (controllers.empty()) candidates.push_back(fmt::format("{}{}/memory.max", root, path));
        if (controllers == "memory") candidates.push_back(fmt::format("{}/memory{}/memory.limit_in_bytes", root, path));
    }
    std::optional<std::int64_t> least;
    for (const auto& candidate : candidates) {
        const auto value = read_number(candidate);
        if (value && (!least || *value < *least)) least = value;
    }
    return least;
}

}  // namespace n4b::engine
