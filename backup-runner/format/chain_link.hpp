#pragma once

#include <string_view>

#include "backup-runner/format/head.hpp"

namespace n4b::format {

/// What an increment that goes on from `head`, whose bytes as stored have this SHA-256, says of it.
Parent parent_of(const Head& head, std::string_view sha256);

/// Whether the artifact of `child` goes on from that of `parent`, whose head has this SHA-256 (64 hexadecimal digits of
/// its bytes as stored): same chain and store, the next sequence, the next transaction, and no store files of its own.
/// DataLoss (ArtifactDamaged): with what was found, and what was expected.
///
/// The sums that a head has of its ancestors (Parent::blocks, Parent::stored_bytes) are held to the parent's own.
base::Result<void> check_link(const Head& parent, std::string_view parent_sha256, const Head& child);

}  // namespace n4b::format
