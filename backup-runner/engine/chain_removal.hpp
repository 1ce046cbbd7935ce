#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backup-runner/engine/artifact_removal.hpp"
#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// How far the removal of a chain has come.
enum class RemovalState {
    kRemoved,  ///< Nothing is left but closed.json, which tells late writers.
    kWaiting,  ///< It is closed; somebody may still write to it, until `wait_until`.
    kHeld,     ///< Somebody wants it to stay.
    kLocked,   ///< The storage keeps an object of it locked for now. What was removed stays removed.
};

struct ChainRemoval {
    RemovalState state = RemovalState::kRemoved;
    std::string detail{};                          ///< Which hold, writer or object; for a person.
    std::optional<base::SystemTime> wait_until{};  ///< By the storage's clock.
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
    bool hidden = false;  ///< The storage keeps versions: the room is not free yet.
};

/// Removes a chain of backups, in steps that every reader and writer can see, so that nobody takes half a chain for a
/// whole one:
///
/// 1. Nothing is done where somebody holds the chain. Then the run puts its fact down, closed.json is created, and
///    holds are looked for once more: a reader places its hold before it looks for closed.json, so one of the two sees
///    the other. A hold that is found opens the chain again, as long as none of its heads is gone and no other run may
///    be removing one right now (open_again).
/// 2. Whoever had begun to write to the chain before it was closed may finish until the deadline of its intent. Until
///    an hour after the last of these, no more is done.
/// 3. Heads go, from the last one back to the full's, so that what is left is a shorter chain at any moment. Before
///    each, holds are looked for, and closed.json, which another run may have taken away.
/// 4. Blocks, intents and facts go.
///
/// Ended at any moment, the next call for the same chain goes on. closed.json stays; forget_removal() removes it.
/// Where the storage is full, what the facts of the chain say is given up for the room of a few bytes; a removal of
/// which a head is gone already goes on where there is no room at all.
/// FailedPrecondition (ArtifactNotSupported): something of the chain has a name that this runner doesn't know; nothing
/// was done.
base::Result<ChainRemoval> remove_chain(object_store::ObjectStore& store, const format::Layout& layout,
                                        const std::string& chain, const format::RunId& run,
                                        const object_store::Call& call);

/// The chains whose removal was begun and is not forgotten, each once.
base::Result<std::vector<std::string>> removals_begun(object_store::ObjectStore& store, const format::Layout& layout,
                                                      const object_store::Call& call);

/// Removes what tells of a removal, 30 days after the last run that removed something of the chain, when nothing else
/// of the chain is left. Until then a head that was sent before the chain was closed, and that a proxy or a hung server
/// kept, does not count when it arrives. False: it is too early, something is left, or the storage keeps closed.json
/// locked.
base::Result<bool> forget_removal(object_store::ObjectStore& store, const format::Layout& layout,
                                  const std::string& chain, const object_store::Call& call);

}  // namespace n4b::engine
