#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::archive {

inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::int64_t kFormat = 0;

/// One transaction as a head knows it.
struct TransactionPoint {
    std::int64_t id = 0;
    std::optional<base::SystemTime> time{};  ///< Commit time; absent for the dummy a cluster begins with.
    std::int64_t checksum = 0;
    bool operator==(const TransactionPoint&) const = default;
};

/// How many bytes something has, plain and stored, with the digests of both forms.
struct Stored {
    std::int64_t bytes = 0;
    std::int64_t stored_bytes = 0;
    std::string digest{};         ///< Of the plain form.
    std::string stored_digest{};  ///< Of the stored form; the same as digest when nothing encodes.
    bool operator==(const Stored&) const = default;
};

/// The head of an artifact: created last, so an artifact without one does not exist.
struct Head {
    std::string kind = "Full";
    std::string source{};
    std::string database{};
    std::string chain{};
    std::int64_t sequence = 0;
    std::string run_uid{};
    std::int64_t attempt = 1;
    std::string origin_namespace{};  ///< Of the Neo4jBackup; empty when made by hand.
    std::string origin_name{};
    std::string address{};  ///< The server's.
    std::string member{};   ///< The server's pod or host name; empty: unknown.
    std::string role{};     ///< "Core" or "ReadReplica"; empty: unknown.
    std::string store_id{};
    std::string store_version{};
    TransactionPoint lowest{};
    TransactionPoint highest{};
    TransactionPoint earliest_restorable{};
    std::int64_t files = 0;         ///< Store files, the transaction log apart.
    std::int64_t bytes = 0;         ///< Plain, the transaction log included.
    std::int64_t stored_bytes = 0;  ///< As above, stored.
    std::int64_t objects = 0;       ///< Everything below data/<artifact>, with intent and index.
    std::int64_t object_bytes = 0;
    std::string encoding = "zstd";  ///< "none" or "zstd"
    Stored index{};
    std::string runner_version{};
    base::SystemTime start{};
    base::SystemTime end{};
    bool operator==(const Head&) const = default;
};

std::string to_json(const Head& head);

/// Reads a head strictly. Invalid (ArtifactDamaged): not a head, with the path of the field. FailedPrecondition
/// (ArtifactNotSupported): a format or a required feature that this runner does not know.
base::Result<Head> parse_head(std::string_view json);

}  // namespace n4b::archive
