#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "backup-runner/txlog/store_id.hpp"
#include "common/base/result.hpp"

namespace n4b::txlog {

/// The fields of the metadata store `neostore`: records of 9 bytes (i8 in use, i64 value), record k at byte 9 * k.
enum class NeostoreField : std::size_t {
    kCreationTime = 0,
    kRandom = 1,
    kLogVersion = 2,
    kLastTransaction = 3,
    kStoreVersion = 4,
    kUpgradeTransaction = 7,
    kUpgradeTime = 8,
    kLastClosedLogVersion = 11,
    kLastClosedLogOffset = 12,
};

/// 15 records; servers pad the file to a page.
inline constexpr std::size_t kNeostoreMinBytes = 135;

/// Checks that `file` is a neostore: long enough, every field above in use, a last transaction (a new store has 1).
/// Invalid otherwise.
base::Result<void> check_neostore(std::span<const std::byte> file);

/// Where the value of a field begins; it is an i64 in big-endian order.
std::size_t place_of(NeostoreField field);

/// The value of a field of a checked neostore.
std::int64_t get(std::span<const std::byte> file, NeostoreField field);
void set(std::span<std::byte> file, NeostoreField field, std::int64_t value);

StoreId store_id_of(std::span<const std::byte> file);

/// The store version as text, e.g. "v0.A.9"; hexadecimal when it is not printable.
std::string store_version_of(std::span<const std::byte> file);

}  // namespace n4b::txlog
