#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/engine/chain_records.hpp"
#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// How long a run is taken to be at work on one chain.
inline constexpr std::chrono::hours kLongestRun{7 * 24};

/// How far the removal of a chain has come, by what lies in the storage.
enum class Closing {
    kOpen,   ///< There is no closed.json.
    kWhole,  ///< There is one, and no head is gone: what was decided can be undone.
    kBegun,  ///< A head is gone: what is left is no chain that anybody wants.
};

/// Errors as list_chain's.
base::Result<Closing> closing_of(object_store::ObjectStore& store, const format::Layout& layout,
                                 const std::string& chain, const object_store::Call& call);

/// The chains that are closed and whole, in the order of their names. One of which that can't be told is left out.
base::Result<std::vector<std::string>> closed_whole_chains(object_store::ObjectStore& store,
                                                           const format::Layout& layout,
                                                           const object_store::Call& call);

/// The same as record_chains_of, and with them these chains as if they were open.
base::Result<ChainRecords> record_chains_as_open(object_store::ObjectStore& store, const std::string& source,
                                                 const std::string& database, const std::vector<std::string>& closed,
                                                 const object_store::Call& call);

/// What came of opening a closed chain again.
struct Reopening {
    enum class State {
        kOpen,    ///< closed.json is gone, and so is what told of the removal.
        kEarly,   ///< Another run may be removing a head right now, and nothing was done.
        kBegun,   ///< A head is gone, and nothing was done.
        kLocked,  ///< The storage keeps closed.json locked.
    } state = State::kOpen;
    std::optional<base::SystemTime> not_before{};  ///< Of kEarly: when the other run can't be at work any more.
};

/// Opens a chain again that somebody wants to stay, unless a head of it is gone or may go right now. `held_since`: when
/// the hold came to lie there that keeps the chain, by the storage's clock; nothing: no hold does. Blocks. Where the
/// call ends on the way, the chain is open, or stays closed.
base::Result<Reopening> open_again(object_store::ObjectStore& store, const format::Layout& layout,
                                   const std::string& chain, const format::RunId& run,
                                   std::optional<base::SystemTime> held_since, const object_store::Call& call);

/// The same for a chain that a plan wants to stay. Where another run may be removing it, and nobody holds the chain, a
/// hold of two days is placed: it stops that run, and an hour later the next call can open the chain.
base::Result<Reopening> keep_closed_chain(object_store::ObjectStore& store, const format::Layout& layout,
                                          const std::string& chain, const format::RunId& run,
                                          const object_store::Call& call);

}  // namespace n4b::engine
