#include "backup-runner/engine/budget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "backup-runner/blocks/read_ahead.hpp"
#include "backup-runner/engine/restored_content.hpp"

namespace n4b::engine {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;
/// The program itself, its libraries and the stacks of its threads: measured peak RSS without buffers, with room.
constexpr std::int64_t kProgramBytes = 14 * kMiB;
/// What requests to a bucket take beside the blocks: connections, their TLS, replies.
constexpr std::int64_t kBucketBytes = 6 * kMiB;
/// What one more request at once takes of them.
constexpr std::int64_t kConnectionBytes = kMiB / 4;
/// More of them under way at once make a restore from a bucket no faster: they fill the line at 100 ms an answer.
constexpr std::int64_t kReadFromBucketBytes = 64 * kMiB;
constexpr std::int64_t kMostReadAtOnce = 8;
/// A zstd stream at our level and window.
constexpr std::int64_t kCompressorBytes = 3 * kMiB / 2;
/// Names of files, the queue of the index and a list of files at its largest.
constexpr std::int64_t kSharedBytes = 4 * kMiB;
constexpr std::size_t kReceiveBytes = 256 * 1024;
/// A bucket takes some tens of milliseconds for each object, a volume one sync.
constexpr std::array<std::int64_t, 4> kBlocksForBuckets{8 * kMiB, 4 * kMiB, 2 * kMiB, kMiB};
constexpr std::array<std::int64_t, 2> kBlocksForVolumes{2 * kMiB, kMiB};
/// Two of the log and one of the index.
constexpr std::int64_t kOwnBlocks = 3;
/// cgroup v1 says "no limit" with a number near 2^63.
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;

/// One that is filled while another is stored.
std::int64_t blocks_for(std::int64_t connections) {
    return 2 * connections;
}

std::int64_t needed(std::int64_t connections, std::int64_t block, const Demand& demand) {
    const std::int64_t compressor = demand.compression == contract::Compression::kZstd ? kCompressorBytes : 0;
    // One stream more than connections: the pull of transactions has its own. The index is always compressed.
    const std::int64_t stream =
        static_cast<std::int64_t>(kReceiveBytes) + static_cast<std::int64_t>(demand.network.each) + compressor;
    return kProgramBytes + kSharedBytes + (demand.to_bucket ? kBucketBytes : 0) + kCompressorBytes +
           static_cast<std::int64_t>(demand.network.shared) + (connections + 1) * stream +
           (blocks_for(connections) + kOwnBlocks) * block;
}

std::span<const std::int64_t> block_sizes(bool to_bucket) {
    if (to_bucket) return kBlocksForBuckets;
    return kBlocksForVolumes;
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

base::Result<Budget> fit(std::optional<std::int64_t> limit, const Demand& demand) {
    const auto sizes = block_sizes(demand.to_bucket);
    for (std::int64_t connections = demand.connections; connections >= 1; --connections) {
        for (const auto block : sizes) {
            if (!limit || needed(connections, block, demand) <= *limit) {
                return Budget{.connections = connections,
                              .buffers = {.receive = kReceiveBytes,
                                          .block = static_cast<std::size_t>(block),
                                          .blocks = static_cast<std::size_t>(blocks_for(connections))}};
            }
        }
    }
    const auto least = needed(1, sizes.back(), demand);
    return base::fail(
        base::ErrorCode::kFailedPrecondition, base::Reason::kMemoryLimitTooSmall,
        fmt::format("the memory limit is {} MiB, a backup with compression {} to {} needs at least {} MiB",
                    *limit / kMiB, contract::to_string(demand.compression), demand.to_bucket ? "a bucket" : "a volume",
                    (least + kMiB - 1) / kMiB));
}

base::Result<std::size_t> fit_restore(std::optional<std::int64_t> limit, std::int64_t block_bytes, bool from_bucket) {
    const auto least = static_cast<std::int64_t>(blocks::blocks_in_memory(static_cast<std::size_t>(block_bytes)));
    // One more for the index.
    const auto needed = kProgramBytes + (from_bucket ? kBucketBytes : 0) + (least + 1) * block_bytes +
                        std::int64_t{kMostLargeFiles} * kMiB;
    if (!limit || needed <= *limit) {
        if (!from_bucket) return static_cast<std::size_t>(least);
        const auto of_use = std::clamp(kReadFromBucketBytes / block_bytes, least, std::max(least, kMostReadAtOnce));
        const auto fitting = limit ? (*limit - needed) / (block_bytes + kConnectionBytes) : of_use - least;
        return static_cast<std::size_t>(std::min(of_use, least + fitting));
    }
    return base::fail(
        base::ErrorCode::kFailedPrecondition, base::Reason::kMemoryLimitTooSmall,
        fmt::format("the memory limit is {} MiB, a restore of blocks of {} MiB from {} needs at least {} MiB",
                    *limit / kMiB, block_bytes / kMiB, from_bucket ? "a bucket" : "a volume",
                    (needed + kMiB - 1) / kMiB));
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
