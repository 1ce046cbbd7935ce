#pragma once

#include <optional>
#include <string>

#include "operator/kinds/catalogue.hpp"
#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::chain {

/// What the finished backups of a chain tell of it.
struct ToldByRuns {
    struct Stored {
        base::SystemTime ended{};  ///< When the run ended that stored the last artifact.
        contract::ChainRecord record{};
    };
    struct NothingNew {
        std::int64_t transaction = 0;
        base::SystemTime current_at{};
    };
    std::string storage{};
    std::optional<Stored> stored{};
    std::optional<NothingNew> nothing_new{};
};

/// What there is to know of one chain's object.
struct ChainInputs {
    std::string name{};            ///< Of the object.
    const Chain* known = nullptr;  ///< Null: there is no such object.
    const storage::Storage* storage = nullptr;
    const kinds::ListedChains* listed = nullptr;  ///< Null: no look since the operator started.
    ToldByRuns runs{};
};

/// What is to become of the object.
struct ChainDecision {
    enum class Act { kNothing, kShow, kRemove } act = Act::kNothing;
    contract::ChainRecord record{};  ///< With kShow: what it is to say.
    base::SystemTime observed{};     ///< Since when that is known.
};

/// A look at the storage tells which chains there are, and runs that ended after it began tell what it may have missed.
/// A chain that a complete look did not find is gone, unless its object was written because of a later run. As long as
/// no look has been made since the operator started, objects stay as they are, and runs count that ended after the last
/// look began: those before it may be of chains that are gone. A look counts as long as the
/// storage's status tells of no later one, which another operator made. A chain never goes back to fewer artifacts by
/// what a run tells.
ChainDecision decide(const ChainInputs& inputs);

/// The status that shows a record.
ChainStatus status_showing(const Chain& chain, const contract::ChainRecord& record, base::SystemTime observed,
                           base::SystemTime now);

}  // namespace n4b::chain
