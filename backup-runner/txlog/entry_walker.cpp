#include "backup-runner/txlog/entry_walker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/txlog/big_endian.hpp"

namespace n4b::txlog {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

constexpr int kStartType = 1;
constexpr int kCommandType = 3;
constexpr int kCommitType = 5;
/// Enough for a START entry and any additional header seen (8 bytes), with room.
constexpr std::size_t kHeadBytes = 256;
constexpr auto kCommit = static_cast<std::int64_t>(kCommitBytes);

constexpr int kInUse = 1;
constexpr int kSecondaryUnit = 8;
constexpr std::int64_t kUnitBytes = 8;
/// What stands behind the flags of a record before anything of variable length.
constexpr std::int64_t kNodeBytes = 1 + 3 * 8;
constexpr std::int64_t kRelationshipBytes = 2 * 8 + 4 + 4 * 8 + 8 + 1;
constexpr std::int64_t kUnusedRelationshipBytes = 4;
constexpr std::int64_t kGroupBytes = 2 + 5 * 8;
constexpr std::int64_t kNeostoreBytes = 2 * 8;
constexpr std::int64_t kRelationshipCountsBytes = 3 * 4 + 8;
constexpr std::int64_t kNodeCountsBytes = 4 + 8;

int number_of(std::byte byte) {
    return std::to_integer<int>(byte);
}

/// The bytes of an id in a command about an explicit index.
std::int64_t id_bytes(bool is_long) {
    return is_long ? 8 : 4;
}

}  // namespace

std::size_t EntryWalker::bytes_of(Part part) {
    switch (part) {
        case Part::kSkipped:
            return 0;
        case Part::kEntry:
            return 2;
        case Part::kStart:
            return kStartBytes - 2;
        case Part::kCommit:
            return kCommitBytes - 2;
        case Part::kCommandType:
        case Part::kNode:
        case Part::kRelationship:
        case Part::kGroup:
        case Part::kPropertyBlocks:
        case Part::kPropertyBlock:
            return 1;
        case Part::kProperty:
            return 1 + 3 * 8;
        case Part::kNamedToken:
            return 1 + 4;
        case Part::kPropertyKey:
            return 1 + 2 * 4;
        case Part::kDynamics:
            return 4;
        case Part::kDynamic:
            return 8 + 4 + 1;
        case Part::kDynamicData:
            return 4 + 8;
        case Part::kIndexAddNode:
        case Part::kIndexAddEdge:
        case Part::kIndexName:
            return 6;
        case Part::kIndexText:
            return 3;
        case Part::kIndexMap:
        case Part::kIndexMapName:
        case Part::kIndexSettings:
        case Part::kSettingText:
            return 2;
    }
    return 0;
}

void EntryWalker::begin(std::int64_t bytes) {
    size_ = bytes;
    at_ = 0;
    steps_.clear();
    filled_ = 0;
    head_.clear();
    complete_ = false;
    command_ = 0;
    doubtful_ = false;
    unknown_.reset();
}

void EntryWalker::push(Part part, std::int64_t count) {
    if (count > 0) steps_.push_back({.part = part, .count = count});
}

Result<void> EntryWalker::take(std::span<const std::byte> bytes) {
    if (static_cast<std::int64_t>(bytes.size()) > size_ - at_) {
        return fail(ErrorCode::kInvalid, fmt::format("more than its {} bytes", size_));
    }
    if (head_.size() < kHeadBytes) {
        const auto part = bytes.first(std::min(bytes.size(), kHeadBytes - head_.size()));
        head_.insert(head_.end(), part.begin(), part.end());
    }
    while (!bytes.empty()) {
        if (steps_.empty()) push(Part::kEntry);
        if (filled_ == 0) N4B_TRY_VOID(check_room());
        if (steps_.back().part == Part::kSkipped) {
            bytes = skip(bytes);
            continue;
        }
        const auto part = steps_.back().part;
        const auto count = std::min(bytes.size(), bytes_of(part) - filled_);
        std::copy_n(bytes.begin(), count, buffer_.begin() + static_cast<std::ptrdiff_t>(filled_));
        bytes = bytes.subspan(count);
        at_ += static_cast<std::int64_t>(count);
        filled_ += count;
        if (filled_ < bytes_of(part)) return {};
        filled_ = 0;
        if (--steps_.back().count == 0) steps_.pop_back();
        N4B_TRY_VOID(read(part));
    }
    return {};
}

/// Nothing but the COMMIT entry itself reaches into its place at the end.
Result<void> EntryWalker::check_room() {
    const auto& next = steps_.back();
    const auto bytes = next.part == Part::kSkipped ? next.count : static_cast<std::int64_t>(bytes_of(next.part));
    const bool ends_it = next.part == Part::kEntry || next.part == Part::kCommit;
    if (ends_it || at_ + bytes <= size_ - kCommit) return {};
    return wrong("what stands there goes on into the place of the commit entry");
}

/// Returns what is left behind the bytes that are skipped.
std::span<const std::byte> EntryWalker::skip(std::span<const std::byte> bytes) {
    auto& step = steps_.back();
    const auto count = std::min(static_cast<std::int64_t>(bytes.size()), step.count);
    at_ += count;
    step.count -= count;
    if (step.count == 0) steps_.pop_back();
    return bytes.subspan(static_cast<std::size_t>(count));
}

Result<WalkedTransaction> EntryWalker::end() {
    if (!complete_) return fail(ErrorCode::kInvalid, fmt::format("cut short at {} of its {} bytes", at_, size_));
    N4B_TRY(const auto checksum, transaction_checksum(head_, static_cast<std::size_t>(size_)));
    return WalkedTransaction{.commit = commit_, .checksum = checksum, .unknown_command = unknown_};
}

Result<void> EntryWalker::read(Part part) {
    switch (part) {
        case Part::kSkipped:
            return {};
        case Part::kEntry:
            return read_entry();
        case Part::kStart: {
            const auto length = load_big_endian<std::int32_t>(std::span(buffer_).subspan(kStartBytes - 2 - 4));
            if (length < 0 || length > size_ - at_ - kCommit) {
                return wrong(fmt::format("its start entry claims {} bytes of additional header", length));
            }
            push(Part::kSkipped, length);
            return {};
        }
        case Part::kCommit:
            return read_commit();
        case Part::kCommandType:
            return read_command(number_of(buffer_[0]));
        case Part::kNode:
        case Part::kProperty:
        case Part::kRelationship:
        case Part::kNamedToken:
        case Part::kPropertyKey:
        case Part::kGroup:
            read_record(part);
            return {};
        case Part::kIndexAddNode:
        case Part::kIndexAddEdge:
        case Part::kIndexName:
            return read_index_command(part);
        case Part::kDynamic:
            if ((number_of(buffer_[8 + 4]) & kInUse) != 0) push(Part::kDynamicData);
            return {};
        default:
            return read_count(part);
    }
}

Result<void> EntryWalker::read_entry() {
    const auto begin = at_ - 2;
    const auto type = number_of(buffer_[1]);
    const bool first = begin == 0;
    const bool last = at_ + kCommit - 2 == size_;
    if (buffer_[0] == kEntryVersion) {
        if (first && type == kStartType && !last) {
            push(Part::kStart);
            return {};
        }
        if (!first && !last && type == kCommandType) {
            push(Part::kCommandType);
            return {};
        }
        if (!first && last && type == kCommitType) {
            push(Part::kCommit);
            return {};
        }
    }
    return wrong(fmt::format("found bytes {:02X} {:02X}, expected {}", number_of(buffer_[0]), type,
                             first  ? "a start entry, F6 01"
                             : last ? "a commit entry, F6 05"
                                    : "a command entry, F6 03"));
}

Result<void> EntryWalker::read_commit() {
    std::array<std::byte, kCommitBytes> entry{kEntryVersion, std::byte{kCommitType}};
    std::copy_n(buffer_.begin(), kCommitBytes - 2, entry.begin() + 2);
    N4B_TRY(commit_, parse_commit(entry));
    complete_ = true;
    return {};
}

/// The commands by their type. What is pushed last comes first.
Result<void> EntryWalker::read_command(int type) {
    command_ = type;
    const auto twice_behind = [&](Part record, std::int64_t id) {
        push(record, 2);
        push(Part::kSkipped, id);
    };
    switch (type) {
        case 1:
            twice_behind(Part::kNode, 8);
            return {};
        case 2:
            twice_behind(Part::kProperty, 8);
            return {};
        case 3:
            twice_behind(Part::kRelationship, 8);
            return {};
        case 4:
        case 8:
            twice_behind(Part::kNamedToken, 4);
            return {};
        case 5:
            twice_behind(Part::kPropertyKey, 4);
            return {};
        case 6:
            doubtful_ = true;
            push(Part::kSkipped, kNeostoreBytes);
            return {};
        case 7:
            push(Part::kSkipped, 1);
            push(Part::kDynamics, 2);
            return {};
        case 9:
            twice_behind(Part::kGroup, 8);
            return {};
        case 10:
            push(Part::kIndexMap, 2);
            push(Part::kIndexName);
            return {};
        case 11:
        case 13:
            push(Part::kIndexAddNode);
            return {};
        case 12:
            push(Part::kIndexAddEdge);
            return {};
        case 14:
            push(Part::kIndexName);
            return {};
        case 15:
            push(Part::kIndexSettings);
            push(Part::kIndexName);
            return {};
        case 16:
            push(Part::kSkipped, kRelationshipCountsBytes);
            return {};
        case 17:
            push(Part::kSkipped, kNodeCountsBytes);
            return {};
        default:
            pass_over(type);
            return {};
    }
}

/// One of the two records of a command, before and after it.
void EntryWalker::read_record(Part part) {
    const auto flags = number_of(buffer_[0]);
    const bool in_use = (flags & kInUse) != 0;
    const std::int64_t unit = (flags & kSecondaryUnit) != 0 ? kUnitBytes : 0;
    doubtful_ = doubtful_ || unit != 0;
    switch (part) {
        case Part::kNode:
            push(Part::kDynamics);
            if (in_use) push(Part::kSkipped, kNodeBytes + unit);
            return;
        case Part::kRelationship:
            push(Part::kSkipped, in_use ? kRelationshipBytes + unit : kUnusedRelationshipBytes);
            return;
        case Part::kGroup:
            push(Part::kSkipped, kGroupBytes + unit);
            return;
        case Part::kProperty:
            push(Part::kDynamics);
            push(Part::kPropertyBlocks);
            push(Part::kSkipped, unit);
            return;
        default:
            push(Part::kDynamics);
    }
}

Result<void> EntryWalker::read_index_command(Part part) {
    if (part == Part::kIndexName) return {};
    const auto first = number_of(buffer_[0]);
    const auto second = number_of(buffer_[1]);
    // Value types 0 to 5 by their length; 6 tells its own.
    constexpr std::array<std::int64_t, 6> kValueBytes{0, 2, 4, 8, 4, 8};
    constexpr std::size_t kText = kValueBytes.size();
    const auto value = static_cast<std::size_t>(first >> 2);
    if (value > kText) return wrong(fmt::format("found a value of type {}, expected 0 to {}", value, kText));
    if (part == Part::kIndexAddEdge) {
        push(Part::kSkipped, id_bytes((second & 0x80) != 0) + id_bytes((second & 0x40) != 0));
    }
    if (value == kText) {
        push(Part::kIndexText);
    } else {
        push(Part::kSkipped, kValueBytes.at(value));
    }
    push(Part::kSkipped, id_bytes((first & 1) != 0));
    return {};
}

/// What tells how much of something follows.
Result<void> EntryWalker::read_count(Part part) {
    const auto bytes = std::span(buffer_);
    const std::int64_t two = load_big_endian<std::uint16_t>(bytes);
    switch (part) {
        case Part::kDynamics: {
            const auto count = load_big_endian<std::int32_t>(bytes);
            if (count < 0) return wrong(fmt::format("found {} dynamic records", count));
            push(Part::kDynamic, count);
            return {};
        }
        case Part::kDynamicData: {
            const auto length = load_big_endian<std::int32_t>(bytes);
            if (length < 0) return wrong(fmt::format("found a dynamic record of {} bytes", length));
            push(Part::kSkipped, length);
            return {};
        }
        case Part::kPropertyBlocks: {
            const auto count = load_big_endian<std::int8_t>(bytes);
            if (count < 0) return wrong(fmt::format("found {} property blocks", count));
            push(Part::kPropertyBlock, count);
            return {};
        }
        case Part::kPropertyBlock: {
            const auto size = load_big_endian<std::int8_t>(bytes);
            if (size < 0 || size % 8 != 0) return wrong(fmt::format("found a property block of {} bytes", size));
            push(Part::kDynamics);
            push(Part::kSkipped, size);
            return {};
        }
        case Part::kIndexText:
            push(Part::kSkipped, two | std::int64_t{number_of(buffer_[2])} << 16);
            return {};
        case Part::kIndexMap:
            push(Part::kIndexMapName, two);
            return {};
        case Part::kIndexMapName:
            // The name, and its id.
            push(Part::kSkipped, two + 2);
            return {};
        case Part::kIndexSettings:
            push(Part::kSettingText, 2 * two);
            return {};
        default:
            push(Part::kSkipped, two);
            return {};
    }
}

Result<void> EntryWalker::wrong(const std::string& what) {
    if (doubtful_ && !unknown_) {
        pass_over(command_);
        return {};
    }
    return fail(ErrorCode::kInvalid,
                fmt::format("at {} of {} bytes: {}{}", at_, size_, what,
                            command_ == 0 ? "" : fmt::format(" (command {} was the last)", command_)));
}

/// Nobody knows where the command ends. The COMMIT entry is looked at all the same.
void EntryWalker::pass_over(int type) {
    unknown_ = type;
    steps_.clear();
    push(Part::kEntry);
    push(Part::kSkipped, size_ - kCommit - at_);
}

}  // namespace n4b::txlog
