#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/archive/head.hpp"
#include "backup-runner/archive/layout.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::engine {

/// An artifact that exists, by its head.
struct Artifact {
    archive::Head head;
    archive::ArtifactKeys keys;
    std::string name;    ///< Of the artifact, e.g. 0-full-<run>.
    std::string digest;  ///< Of the head, as stored.
};

/// A head as it was found: the artifact it stands for, or why that can't be told. Where a directory can't even be
/// listed, one stands for all below it.
struct FoundHead {
    std::string source;
    std::string database;             ///< Empty: all of the source.
    std::string chain;                ///< Empty: all of the database.
    std::string name;                 ///< Of the artifact; empty: all of the chain.
    std::string key;                  ///< Of the head, or of the directory.
    base::Result<Artifact> artifact;  ///< Errors: ArtifactDamaged, ArtifactNotSupported, or what the storage says.
};

/// Hears of each head that was passed over because it can't be read.
using PassedOverHead = std::function<void(const FoundHead&)>;

/// A line on standard error, which in a pod is its log.
void warn_of_head(const FoundHead& head);

/// Whether a head can't be read whatever the storage does.
bool lies_in_the_head(const base::Error& error);

/// Creates neo4j-backup.json in a new repository, or checks that this runner may write to the one that is there.
/// FailedPrecondition (ArtifactNotSupported): another format. Invalid (ArtifactDamaged): not a repository file.
base::Result<void> open_repository(storage::Storage& storage, const std::string& repository_id);

/// Checks that there is a repository, and that this runner may read it. NotFound (ArtifactNotFound): there is none.
base::Result<void> check_repository(storage::Storage& storage);

/// Part of a repository; an empty member means all.
struct Scope {
    std::string source{};
    std::string database{};
    std::string chain{};
};

enum class Order { kOldestFirst, kNewestFirst };

/// Calls take for each head in scope, until it returns false: sources and databases in name order, chains and the heads
/// of each in the order given. Closed chains are passed over. One head is in memory at a time. One that can't be read,
/// and a directory that can't be listed, is told like any other, so that it hides none of those beside it. Errors: the
/// repository can't be listed.
base::Result<void> walk_heads(storage::Storage& storage, const Scope& scope, Order order,
                              const std::function<bool(FoundHead)>& take);

/// Reads one head by its key.
base::Result<Artifact> read_head(storage::Storage& storage, const std::string& source, const std::string& database,
                                 const std::string& chain, const archive::ArtifactName& name);

/// The newest artifact of a source and database whose head can be read, or nothing. Where none can, and it is the
/// storage that fails (and not what lies in it), its error: another call may find what this one could not.
base::Result<std::optional<Artifact>> newest_artifact(storage::Storage& storage, const std::string& source,
                                                      const std::string& database,
                                                      const PassedOverHead& passed_over = warn_of_head);

/// Whose finished artifact is looked for.
struct FinishedRun {
    std::string source{};
    std::string database{};
    std::string uid{};
    /// An attempt whose artifacts do not count, or nothing.
    std::optional<std::int64_t> other_than_attempt{};
};

/// The newest finished artifact that a run made, checked against its listing and its index's digest and with a
/// durable head, in a chain that is not closed; NotFound (ArtifactNotFound) when there is none in the chains that can
/// be listed.
base::Result<Artifact> look_up(storage::Storage& storage, const FinishedRun& run, const PassedOverHead& passed_over);

/// Conflict (ArtifactConflict): the chain is closed, which means that it is being deleted.
base::Result<void> check_chain_open(storage::Storage& storage, const std::string& source, const std::string& database,
                                    const std::string& chain);

/// A result of reading an artifact; where that failed and the chain is closed by now, Conflict (ArtifactConflict) in
/// place of the failure: what a deletion has removed already is no damage.
base::Result<void> not_closed_meanwhile(storage::Storage& storage, const Artifact& artifact, base::Result<void> result);

/// The objects that a head promises are there, by count and size. DataLoss (ArtifactDamaged).
base::Result<void> check_listing(storage::Storage& storage, const Artifact& artifact);

contract::ArtifactReport report_of(const Artifact& artifact);

/// A small object, whole. Invalid (ArtifactDamaged): longer than `most`.
base::Result<std::string> read_small(storage::Storage& storage, const std::string& key, std::size_t most);

/// Writes an object under a name that no reader looks at.
base::Result<void> write_durably(storage::Storage& storage, const std::string& temporary, std::string_view text);

/// Gives such an object its own name; the temporary one goes, whether that succeeds or not.
base::Result<void> publish_durably(storage::Storage& storage, const std::string& temporary, const std::string& key);

}  // namespace n4b::engine
