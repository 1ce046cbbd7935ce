#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/engine/catalogue.hpp"

namespace n4b::engine {

/// A transaction as a chain holds it: what tells whether a server has the same.
struct KnownTransaction {
    std::int64_t id = 0;
    std::int64_t length = 0;  ///< Of its bytes in the log.
    std::string sha256{};     ///< Of those bytes, 64 hexadecimal digits.
};

/// Where a transaction, or a part of one, lies in the log of its artifact; in bytes.
struct LogPlace {
    std::int64_t offset = 0;
    std::int64_t length = 0;
};

/// What of a place lies in these bytes, which begin at `at` in the log; empty: nothing.
std::span<const std::byte> part_of(std::span<const std::byte> bytes, std::int64_t at, const LogPlace& place);

/// Goes over the index. Nothing: it does not tell of that transaction. Errors as ArtifactReader's.
base::Result<std::optional<LogPlace>> find_transaction(blocks::ArtifactReader& reader, std::int64_t id,
                                                       const object_store::Call& call);

/// The last transaction of an artifact; nothing where no log of the chain has it, as of a store that was never written
/// to.
std::optional<KnownTransaction> highest_known(const format::Head& head);

/// Reads a transaction of the chain that ends at `tip` from the storage; nothing: no log of the chain has it. Errors as
/// read_head's and ArtifactReader's.
base::Result<std::optional<KnownTransaction>> read_known(object_store::ObjectStore& store, const format::Layout& layout,
                                                         const Artifact& tip, std::int64_t id,
                                                         const object_store::Call& call);

}  // namespace n4b::engine
