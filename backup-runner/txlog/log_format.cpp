#include "backup-runner/txlog/log_format.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/txlog/big_endian.hpp"

namespace n4b::txlog {
namespace {

using base::ErrorCode;
using base::fail;

constexpr std::byte kStart{1};
constexpr std::byte kCommand{3};
constexpr std::byte kCommit{5};
constexpr std::byte kCheckPoint{7};
constexpr std::int64_t kLogFormat = 6;
constexpr std::size_t kHeaderLengthOffset = 26;
/// 9999-12-31T23:59:59.999Z: what comes after it has no RFC 3339 form.
constexpr std::int64_t kLatestTimeMs = 253402300799999;

/// The two bytes that an entry begins with, for a person.
std::string shown(std::span<const std::byte> entry) {
    if (entry.size() < 2) return "no entry";
    return fmt::format("bytes {:02X} {:02X}", std::to_integer<int>(entry[0]), std::to_integer<int>(entry[1]));
}

}  // namespace

std::array<std::byte, kLogHeaderBytes> log_header(std::int64_t log_version, std::int64_t last_transaction_before) {
    std::array<std::byte, kLogHeaderBytes> bytes{};
    store_big_endian(std::span(bytes), kLogFormat << 56 | (log_version & 0x00FFFFFFFFFFFFFF));
    store_big_endian(std::span(bytes).subspan(8), last_transaction_before);
    return bytes;
}

std::array<std::byte, kCheckPointBytes> check_point(std::int64_t log_version, std::int64_t offset) {
    std::array<std::byte, kCheckPointBytes> bytes{kEntryVersion, kCheckPoint};
    store_big_endian(std::span(bytes).subspan(2), log_version);
    store_big_endian(std::span(bytes).subspan(10), offset);
    return bytes;
}

base::Result<Commit> parse_commit(std::span<const std::byte> tail) {
    if (tail.size() != kCommitBytes || tail[0] != kEntryVersion || tail[1] != kCommit) {
        return fail(ErrorCode::kInvalid, fmt::format("it ends with {}, a commit entry begins with F6 05", shown(tail)));
    }
    const Commit commit{.transaction = load_big_endian<std::int64_t>(tail.subspan(2)),
                        .time_ms = load_big_endian<std::int64_t>(tail.subspan(10))};
    if (commit.time_ms < -1 || commit.time_ms > kLatestTimeMs) {
        return fail(ErrorCode::kInvalid, fmt::format("its commit time {} is none", commit.time_ms));
    }
    return commit;
}

base::Result<std::int64_t> transaction_checksum(std::span<const std::byte> head, std::size_t size) {
    if (head.size() < kStartBytes || head[0] != kEntryVersion || head[1] != kStart) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("it begins with {}, a start entry begins with F6 01", shown(head)));
    }
    const auto master = load_big_endian<std::int32_t>(head.subspan(2));
    const auto author = load_big_endian<std::int32_t>(head.subspan(6));
    const auto length = load_big_endian<std::int32_t>(head.subspan(kHeaderLengthOffset));
    const auto room = std::min(head.size() - kStartBytes, size - std::min(size, kStartBytes + kCommitBytes));
    if (length < 0 || static_cast<std::size_t>(length) > room) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("its start entry claims {} bytes of additional header, 0 to {} fit", length, room));
    }
    const auto next = head.subspan(kStartBytes + static_cast<std::size_t>(length));
    if (next.size() < 2 || next[0] != kEntryVersion || (next[1] != kCommand && next[1] != kCommit)) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("behind its start entry stand {}, a command or commit entry begins "
                                "with F6 03 or F6 05",
                                shown(next)));
    }
    // Java arithmetic: 32 bits, wrapping; bytes are signed.
    std::uint32_t hash = 1;
    for (const std::byte b : head.subspan(kStartBytes, static_cast<std::size_t>(length))) {
        hash = 31U * hash + static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<std::int8_t>(b)));
    }
    const auto high = static_cast<std::uint32_t>(master) * 37U + static_cast<std::uint32_t>(author);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(high) << 32U | hash);
}

}  // namespace n4b::txlog
