#include "backup-runner/txlog/neostore.hpp"

#include <fmt/format.h>

#include <array>

#include "backup-runner/txlog/big_endian.hpp"

namespace n4b::txlog {
namespace {

constexpr std::size_t kRecordBytes = 9;
constexpr std::array kFields{NeostoreField::kCreationTime,       NeostoreField::kRandom,
                             NeostoreField::kLogVersion,         NeostoreField::kLastTransaction,
                             NeostoreField::kStoreVersion,       NeostoreField::kUpgradeTransaction,
                             NeostoreField::kUpgradeTime,        NeostoreField::kLastClosedLogVersion,
                             NeostoreField::kLastClosedLogOffset};

std::size_t offset(NeostoreField field) {
    return static_cast<std::size_t>(field) * kRecordBytes;
}

}  // namespace

base::Result<void> check_neostore(std::span<const std::byte> file) {
    if (file.size() < kNeostoreMinBytes) {
        return base::fail(base::ErrorCode::kInvalid,
                          fmt::format("neostore: {} bytes, at least {} expected", file.size(), kNeostoreMinBytes));
    }
    for (const auto field : kFields) {
        if (file[offset(field)] != std::byte{1}) {
            return base::fail(base::ErrorCode::kInvalid,
                              fmt::format("neostore: record {} is not in use", static_cast<std::size_t>(field)));
        }
    }
    if (const auto last = get(file, NeostoreField::kLastTransaction); last < 1) {
        return base::fail(base::ErrorCode::kInvalid,
                          fmt::format("neostore: last transaction {}, 1 or more expected", last));
    }
    return {};
}

std::size_t place_of(NeostoreField field) {
    return offset(field) + 1;
}

std::int64_t get(std::span<const std::byte> file, NeostoreField field) {
    return load_big_endian<std::int64_t>(file.subspan(place_of(field)));
}

void set(std::span<std::byte> file, NeostoreField field, std::int64_t value) {
    store_big_endian(file.subspan(place_of(field)), value);
}

StoreId store_id_of(std::span<const std::byte> file) {
    return {.creation_time = get(file, NeostoreField::kCreationTime),
            .random = get(file, NeostoreField::kRandom),
            .upgrade_time = get(file, NeostoreField::kUpgradeTime),
            .upgrade_transaction = get(file, NeostoreField::kUpgradeTransaction)};
}

std::string store_version_of(std::span<const std::byte> file) {
    // The least significant byte is the length, the ones above it are Latin-1 characters.
    const auto number = static_cast<std::uint64_t>(get(file, NeostoreField::kStoreVersion));
    const std::size_t length = number & 0xFFU;
    std::string text;
    for (std::size_t i = 1; i <= length && i < 8; ++i) {
        const auto c = static_cast<char>(number >> (8 * i) & 0xFFU);
        if (c < 0x20 || c > 0x7E) return fmt::format("{:016x}", number);
        text.push_back(c);
    }
    return length < 8 ? text : fmt::format("{:016x}", number);
}

}  // namespace n4b::txlog
