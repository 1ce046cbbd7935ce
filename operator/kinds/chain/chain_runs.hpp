#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/chain/chain_plan.hpp"

namespace n4b::chain {

/// What finished backups tell of the chains that they went to, so that a chain is shown as it is without a look at the
/// storage. Thread-safe.
class ChainRuns {
public:
    /// Takes in a backup as it is now. The key of the object of its chain; empty: it tells of none.
    std::string learn(const backup::Backup& backup);
    /// By the key of the chain's object.
    [[nodiscard]] ToldByRuns told(const std::string& key) const;

private:
    mutable std::mutex mutex_{};  ///< Guards told_.
    std::map<std::string, ToldByRuns> told_{};
};

}  // namespace n4b::chain
