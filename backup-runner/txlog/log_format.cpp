#include "backup-runner/txlog/log_format.hpp"

#include <fmt/format.h>

#include "backup-runner/txlog/big_endian.hpp"

namespace n4b::txlog {
namespace {

using base::ErrorCode;
using base::fail;

constexpr std::byte kStart{1};
constexpr std::byte kCommit{5};
constexpr std::byte kCheckPoint{7};
constexpr std::int64_t kLogFormat = 6;
constexpr std::size_t kHeaderLengthOffset = 26;

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
        return fail(ErrorCode::kInvalid, "the transaction does not end with a commit entry of version -10");
    }
    return Commit{.transaction = load_big_endian<std::int64_t>(tail.subspan(2)),
                  .time_ms = load_big_endian<std::int64_t>(tail.subspan(10))};
}

base::Result<std::int64_t> transaction_checksum(std::span<const std::byte> head) {
    if (head.size() < kStartBytes || head[0] != kEntryVersion || head[1] != kStart) {
        return fail(ErrorCode::kInvalid, "the transaction does not begin with a start entry of version -10");
    }
    const auto master = load_big_endian<std::int32_t>(head.subspan(2));
    const auto author = load_big_endian<std::int32_t>(head.subspan(6));
    const auto length = load_big_endian<std::int32_t>(head.subspan(kHeaderLengthOffset));
    if (length < 0 || static_cast<std::size_t>(length) > head.size() - kStartBytes) {
        return fail(ErrorCode::kInvalid, fmt::format("the start entry claims {} bytes of additional header", length));
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
