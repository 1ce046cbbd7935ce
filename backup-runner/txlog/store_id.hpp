#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/result.hpp"

namespace n4b::txlog {

/// The identity of a Neo4j database; equality is that of all four numbers. It survives seeding a new cluster from a
/// backup, so equal ids do not prove a common history.
struct StoreId {
    std::int64_t creation_time = 0;  ///< ms since the epoch
    std::int64_t random = 0;
    std::int64_t upgrade_time = 0;
    std::int64_t upgrade_transaction = 0;
    bool operator==(const StoreId&) const = default;
};

/// 64 hexadecimal digits: the four numbers, big-endian, in the order above.
std::string to_string(const StoreId& id);

/// Invalid: not 64 lower-case hexadecimal digits.
base::Result<StoreId> parse_store_id(std::string_view text);

}  // namespace n4b::txlog
