#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/format/head.hpp"
#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::engine {

class HeadList;

/// An artifact that exists, by its head.
struct Artifact {
    format::Head head;
    std::string key;         ///< Of the head.
    std::string digest;      ///< Of the head's bytes as stored.
    std::int64_t bytes = 0;  ///< Of them.
};

/// A head as it was found: the artifact it stands for, or why that can't be told. Where the heads of a database can't
/// even be listed, one stands for all of them.
struct FoundHead {
    std::string source;
    std::string database;
    std::string chain;                ///< Empty: unknown.
    std::string key;                  ///< Of the head, or of what could not be listed.
    base::Result<Artifact> artifact;  ///< Errors: ArtifactDamaged, ArtifactNotSupported, or what the storage says.
};

/// Hears of each head that was passed over because it can't be read.
using PassedOverHead = std::function<void(const FoundHead&)>;

/// A line on standard error, which in a pod is its log.
void warn_of_head(const FoundHead& head);

/// Whether a head, or what else lies in the storage, can't be read whatever the storage does.
bool lies_in_the_head(const base::Error& error);

/// Part of a repository; an empty member means all.
struct Scope {
    std::string source{};
    std::string database{};
    std::string chain{};
};

/// Calls take for each head in scope, until it returns false: sources, databases and heads in the order of their names,
/// which for heads is that of their chains' start. Closed chains and abandoned artifacts are passed over. One head is
/// in memory at a time. One that can't be read, and a database whose heads can't be listed, is told like any other, so
/// that it hides none of those beside it. Errors: the sources can't be listed.
base::Result<void> walk_heads(object_store::ObjectStore& store, const Scope& scope,
                              const std::function<bool(FoundHead)>& take, const object_store::Call& call);

/// Calls take for each source and database that holds anything, in byte order, until it returns false; an empty source
/// means all. What lies below one of them is skipped and not listed.
base::Result<void> walk_databases(object_store::ObjectStore& store, const std::string& source,
                                  const std::function<bool(const std::string&, const std::string&)>& take,
                                  const object_store::Call& call);

/// Calls take for each name below heads/ of a source and database, in byte order, until it returns false.
base::Result<void> list_head_names(object_store::ObjectStore& store, const format::Layout& layout,
                                   const std::function<bool(const std::string&)>& take, const object_store::Call& call);

/// Reads one head by its name. NotFound (ArtifactNotFound); parse_head_name's and parse_head's errors with the key.
base::Result<Artifact> read_head(object_store::ObjectStore& store, const format::Layout& layout,
                                 const std::string& name, const object_store::Call& call);

/// What a new full finds of those before it.
struct Earlier {
    /// The newest whose head can be read, neither closed nor abandoned.
    std::optional<Artifact> newest{};
    /// Names of the heads that no other one supersedes, among the newest kLookedAt of them.
    std::vector<std::string> tips{};
};
inline constexpr std::size_t kLookedAt = 16;

/// Where no head can be read, and it is the storage that fails (and not what lies in it), its error: another call may
/// find what this one could not.
base::Result<Earlier> find_earlier(object_store::ObjectStore& store, const format::Layout& layout,
                                   const object_store::Call& call, const PassedOverHead& passed_over = warn_of_head);

/// Whose finished artifact is looked for.
struct FinishedRun {
    std::string uid{};
    /// An attempt whose artifacts do not count, or nothing.
    std::optional<std::int64_t> other_than_attempt{};
};

/// The newest finished artifact that a run made: its head is durable, its blocks are there by their listing, its
/// index's digests match, and it is neither closed nor abandoned, nor put down as damaged. NotFound
/// (ArtifactNotFound): there is none.
base::Result<Artifact> look_up(object_store::ObjectStore& store, const format::Layout& layout, const FinishedRun& run,
                               const object_store::Call& call);

/// The same by what was listed already.
base::Result<Artifact> look_up(object_store::ObjectStore& store, const format::Layout& layout, const FinishedRun& run,
                               const HeadList& heads, const object_store::Call& call);

struct ArtifactListing;

/// Conflict (ArtifactConflict): the chain is closed, which means that it is being deleted.
base::Result<void> check_open(object_store::ObjectStore& store, const format::Layout& layout, const std::string& chain,
                              const object_store::Call& call);

/// Conflict (ArtifactConflict): the artifact is abandoned.
base::Result<void> check_not_abandoned(object_store::ObjectStore& store, const format::Layout& layout,
                                       const format::ArtifactName& name, const object_store::Call& call);

/// Conflict (ArtifactConflict): the chain is closed, or the artifact is abandoned.
base::Result<void> check_wanted(const format::Layout& layout, const format::ArtifactName& name,
                                const ArtifactListing& listing);
base::Result<void> check_wanted(object_store::ObjectStore& store, const format::Layout& layout,
                                const format::ArtifactName& name, const object_store::Call& call);

/// Whether that is what check_wanted says, and not a storage that fails.
bool is_unwanted(const base::Result<void>& wanted);

/// A result of reading an artifact; where that failed and the artifact is not wanted any more by now, Conflict
/// (ArtifactConflict) in place of the failure: what a deletion has removed already is no damage.
base::Result<void> not_closed_meanwhile(object_store::ObjectStore& store, const Artifact& artifact,
                                        base::Result<void> result, const object_store::Call& call);

/// What a listing shows of an artifact's blocks.
struct BlockListing {
    std::int64_t blocks = 0;
    std::int64_t bytes = 0;
    std::uint64_t sum = 0;  ///< Of blocks::listing_of each.
};
/// What one listing shows of an artifact, whose head may appear or has appeared.
struct ArtifactListing {
    BlockListing blocks{};
    bool closed = false;     ///< Its chain is.
    bool abandoned = false;  ///< It is, as far as that was seen before its blocks were listed.
    bool rivals = false;     ///< Other artifacts have its place in the chain, with a head or without.
};
/// In a bucket one request for each 1,000 blocks and later artifacts of the chain.
base::Result<ArtifactListing> list_artifact(object_store::ObjectStore& store, const format::Layout& layout,
                                            const format::ArtifactName& name, const object_store::Call& call);

/// The blocks that a head promises are there, by count and size, and nothing else is. DataLoss (ArtifactDamaged).
base::Result<void> check_listing(object_store::ObjectStore& store, const Artifact& artifact,
                                 const object_store::Call& call);

/// Where the artifact lies, by what its head says. Errors as Layout::create's.
base::Result<format::Layout> layout_of(const Artifact& artifact);

/// "Full", "Incremental", or as it stands in the name.
std::string kind_of(const format::Head& head);

/// The first time that a chain with this full can be restored to.
base::SystemTime restorable_from(const format::Head& full);

contract::ArtifactReport report_of(const Artifact& artifact);

}  // namespace n4b::engine
