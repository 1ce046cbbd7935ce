#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/format/head.hpp"

namespace n4b::format {

inline constexpr std::size_t kMaxSmallFileBytes = 16 * 1024;  ///< Of the files below.

/// neo4j-backup.json: what makes a place a repository.
struct RepositoryFile {
    std::string id;                               ///< 1 to 64 of a-z, 0-9 and '-'.
    std::vector<std::string> required_to_read{};  ///< Features, none of which this runner knows yet.
    std::vector<std::string> required_to_write{};
    bool operator==(const RepositoryFile&) const = default;
};
std::string print_repository(const RepositoryFile& file);
/// DataLoss (ArtifactDamaged); FailedPrecondition (ArtifactNotSupported): another format, such as 0.
base::Result<RepositoryFile> parse_repository(std::string_view text);

/// What a look at a storage found.
struct FoundRepository {
    std::optional<std::string> file{};  ///< neo4j-backup.json
    bool empty = false;                 ///< Nothing below the prefix but "lost+found", which file systems make.
};

/// What somebody who wants to use it may do.
enum class RepositoryUse { kRead, kWrite, kInitialize, kAdopt };

/// What it expects.
struct RepositoryWish {
    RepositoryUse use = RepositoryUse::kRead;
    std::string expected_id{};  ///< The id it had before; empty: none is known.
    std::string new_id{};       ///< For a repository that is to be made.
};

/// What to do: go on with `file`, after creating it where `create` is set.
struct RepositoryDecision {
    RepositoryFile file;
    bool create = false;
    bool operator==(const RepositoryDecision&) const = default;
};

/// FailedPrecondition: StorageNotInitialized (there is no repository file: what the place holds may not be ours, or the
/// volume may not be mounted), StorageReplaced (another id than before), ArtifactNotSupported. DataLoss
/// (ArtifactDamaged).
///
/// Only an empty place that never was another repository is made one. kAdopt makes one of a place with heads, after
/// chains were copied there; it too refuses where another id is expected.
base::Result<RepositoryDecision> decide_repository(const FoundRepository& found, const RepositoryWish& wish);

/// owner.json: whose a source's name is.
struct Owner {
    std::string cluster{};  ///< Uid of the Kubernetes cluster; empty: made by hand.
    std::string name_space{};
    std::string source{};  ///< Of the Neo4jBackupSource.
    bool operator==(const Owner&) const = default;
};
std::string print_owner(const Owner& owner);
/// DataLoss (ArtifactDamaged); FailedPrecondition (ArtifactNotSupported): another format.
base::Result<Owner> parse_owner(std::string_view text);

/// For messages: the source with its namespace and, where it is known, its cluster.
std::string describe(const Owner& owner);

enum class OwnerDecision { kGoOn, kCreate };

/// What to do about owner.json. FailedPrecondition (SourceNameTaken): it names somebody else. A cluster that either
/// side doesn't know is not compared.
base::Result<OwnerDecision> decide_owner(const std::optional<std::string>& found, const Owner& mine);

/// intent-<deadline>.json: the first object of an artifact.
struct Intent {
    std::string repository{};  ///< Id of the one it was made in. Copied to another, it is no longer about an artifact
                               ///< that somebody writes, but about one whose head may be copied yet.
    RunId run{};
    Origin origin{};
    base::SystemTime deadline{};  ///< Whole seconds, as in the name. Past it, nothing without a head is wanted.
    bool operator==(const Intent&) const = default;
};
std::string print_intent(const Intent& intent);
/// DataLoss (ArtifactDamaged), also where the deadline isn't the name's; FailedPrecondition (ArtifactNotSupported).
base::Result<Intent> parse_intent(std::string_view text, base::SystemTime named_deadline);

/// abandoned.json: an artifact that is being cleaned away. That it is there says all.
std::string print_abandoned();

/// closed.json: a chain that is being removed. That it is there says all.
std::string print_closed();

/// artifact.json: the artifact has, or had, a head. Nobody reads its content; a person finds the head's name there.
std::string print_mark(const HeadName& head);

/// facts/<name>.json. The name says all but which artifact of a fork is meant: the head's name stands in it, and what
/// was found, for a person.
std::string print_fact(const HeadName& head, std::string_view message);
/// The name of that head. DataLoss (ArtifactDamaged); FailedPrecondition (ArtifactNotSupported): another format.
base::Result<std::string> parse_fact(std::string_view text);

/// holds/<name>.json: while it is there and has not expired, the chain is not deleted.
struct Hold {
    std::optional<base::SystemTime> expires{};  ///< Nothing: never.
    bool operator==(const Hold&) const = default;
};
std::string print_hold(const Hold& hold);
/// DataLoss (ArtifactDamaged); FailedPrecondition (ArtifactNotSupported): another format.
base::Result<Hold> parse_hold(std::string_view text);

}  // namespace n4b::format
