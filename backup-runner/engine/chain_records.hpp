#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/format/head.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"
#include "common/contract/catalogue.hpp"

namespace n4b::engine {

/// When a chain's full and its last artifact were finished, by the storage's clock.
struct FinishedTimes {
    base::SystemTime full{};
    base::SystemTime last{};
};

/// What a storage holds, a record each chain.
struct ChainRecords {
    std::vector<contract::ChainRecord> chains{};           ///< By source, database, and the time when they began.
    std::vector<std::optional<FinishedTimes>> finished{};  ///< Of each of the chains; nothing: it can't be read.
    std::vector<format::Origin> origins{};  ///< Who asked for the full of each; all empty where it can't be read.
    std::int64_t artifacts = 0;             ///< Heads that were listed, of chains that are left out too.
    std::int64_t left_out = 0;              ///< Chains that `most` had no room for.
};

/// Records the chains of all sources and databases, at most `most` of them: of a database with more than there is room
/// for, the newest. Closed chains are no backups any more, and are passed over. A chain whose last head can't be read
/// is recorded with the reason; so is one that a fact tells is damaged. Lists heads and facts once, and reads two heads
/// a chain, its full's and its last one's. Errors: the storage can't be listed, or the call has ended.
base::Result<ChainRecords> record_chains(object_store::ObjectStore& store, std::size_t most,
                                         const object_store::Call& call);

/// The same of one source and database.
base::Result<ChainRecords> record_chains_of(object_store::ObjectStore& store, const std::string& source,
                                            const std::string& database, const object_store::Call& call);

}  // namespace n4b::engine
