#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/format/names.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::format {

inline constexpr std::int64_t kFormat = 1;
inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::int64_t kLeastBlockBytes = 1024 * 1024;
inline constexpr std::int64_t kMostBlockBytes = 64 * 1024 * 1024;

/// One transaction as a head knows it.
struct Transaction {
    std::int64_t id = 0;
    std::optional<base::SystemTime> time{};  ///< Commit time; absent for the dummy a cluster begins with.
    std::int64_t checksum = 0;
    bool operator==(const Transaction&) const = default;
};

/// The highest one, with what tells whether another server has the same.
struct HighestTransaction {
    Transaction point{};
    std::int64_t length = 0;  ///< Of its bytes in the log; 0 when the artifact holds none of its own.
    std::string sha256{};     ///< Of those bytes, 64 hexadecimal digits; empty when there are none.
    bool operator==(const HighestTransaction&) const = default;
};

/// Absent where an artifact holds no transactions, as a dump of a stopped database may.
struct Transactions {
    Transaction lowest{};
    HighestTransaction highest{};
    Transaction earliest_restorable{};
    bool operator==(const Transactions&) const = default;
};

/// The artifact that an increment goes on from.
struct Parent {
    std::string name;    ///< Of its head, below heads/.
    std::string sha256;  ///< Of its head's bytes as stored.
    /// Of it and all that it goes on from, together: a listing of the chain shows whether they are there, without a
    /// look at every head.
    std::int64_t blocks = 0;
    std::int64_t stored_bytes = 0;
    std::int64_t head_bytes = 0;  ///< Of their heads, as stored.
    bool operator==(const Parent&) const = default;
};

/// Who asked for it; all empty when made by hand.
struct Origin {
    std::string cluster{};  ///< Uid of the Kubernetes cluster.
    std::string name_space{};
    std::string name{};
    std::string schedule{};
    bool operator==(const Origin&) const = default;
};

/// The server it came from; what is unknown is empty.
struct SourceServer {
    std::string address{};
    std::string member{};  ///< Pod or host name.
    std::string role{};    ///< "Core" or "ReadReplica"
    bool operator==(const SourceServer&) const = default;
};

/// A block as stored.
struct BlockDigest {
    std::int64_t number = 0;
    std::int64_t bytes = 0;
    std::string sha256{};  ///< 64 hexadecimal digits.
    bool operator==(const BlockDigest&) const = default;
};

struct Counts {
    std::int64_t files = 0;   ///< Store files; the transaction log isn't one.
    std::int64_t tries = 0;   ///< Of files and log, those without an end included: they are numbered from 1 to this.
    std::int64_t blocks = 0;  ///< Below blocks/, the index's included.
    std::int64_t transactions = 0;
    std::int64_t plain_bytes = 0;   ///< Of finished tries.
    std::int64_t stored_bytes = 0;  ///< Of all blocks.
    bool operator==(const Counts&) const = default;
};

/// Bytes that a restored `neostore` has in place of what the server sent.
struct NeostorePatch {
    std::int64_t offset = 0;
    std::string hex{};
    bool operator==(const NeostorePatch&) const = default;
};

/// The head of an artifact: created last, so an artifact without one does not exist.
struct Head {
    std::string repository{};  ///< Id of the repository it was made in; told, never compared: chains may be copied.
    std::string source{};
    std::string database{};
    ArtifactName name{};
    std::optional<Parent> parent{};         ///< Of an increment.
    std::vector<std::string> supersedes{};  ///< Of a full: names of the heads at the tips it saw.
    Origin origin{};
    SourceServer server{};
    std::string store_id{};
    std::string store_version{};
    std::optional<Transactions> transactions{};
    std::optional<base::SystemTime> latest_commit_time{};  ///< Of all transactions up to the highest.
    std::optional<base::SystemTime> complete_at{};         ///< When the target was asked for.
    std::optional<base::SystemTime> current_at{};  ///< When the highest was the source's last, its lag within bounds.
    Counts counts{};
    std::int64_t block_bytes = 8 * 1024 * 1024;  ///< No block is longer.
    std::vector<std::string> encodings{};        ///< Of the extents: "none", "zstd", or both.
    std::vector<BlockDigest> index{};            ///< Its blocks, in their order.
    std::string log_preamble{};                  ///< Hexadecimal: what stands before the first transaction of a log.
    std::vector<NeostorePatch> neostore_patches{};
    std::string signature{};  ///< Empty: none. Kept, and not understood yet.
    std::string runner_version{};
    std::string server_version{};  ///< Empty: unknown.
    base::SystemTime start{};
    base::SystemTime end{};
    bool operator==(const Head&) const = default;
};

/// The highest transaction as it stands in the head's name; 0 when there is none.
std::int64_t highest_of(const Head& head);
HeadName name_of(const Head& head);

/// The text as it is stored. Its last member, sha256, is that of all bytes before it. Internal: beyond kMaxHeadBytes,
/// or a text that parse_head() refuses.
base::Result<std::string> print_head(const Head& head);

/// Reads a head strictly. DataLoss (ArtifactDamaged): not a head, with the path of the field. FailedPrecondition
/// (ArtifactNotSupported): a format, feature, kind or encoding that this runner doesn't know.
base::Result<Head> parse_head(std::string_view text);

/// Also holds it to the name it was found under. DataLoss (ArtifactDamaged): they differ.
base::Result<Head> parse_head(std::string_view text, const HeadName& name);

}  // namespace n4b::format
