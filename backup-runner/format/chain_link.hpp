#pragma once

#include <cstdint>
#include <string_view>

#include "backup-runner/format/head.hpp"

namespace n4b::format {

/// A head with what is known of it as it is stored.
struct StoredHead {
    const Head& head;
    std::string_view sha256{};  ///< Of its bytes, 64 hexadecimal digits.
    std::int64_t bytes = 0;
};

/// What an increment that goes on from an artifact says of it.
Parent parent_of(const StoredHead& stored);

/// Whether the artifact of `child` goes on from that of `parent`: same chain and store, the next sequence, the next
/// transaction, no store files of its own, and what it says of its parent is so. DataLoss (ArtifactDamaged): with what
/// was found, and what was expected.
base::Result<void> check_link(const StoredHead& parent, const Head& child);

}  // namespace n4b::format
