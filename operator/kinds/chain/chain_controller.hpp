#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/chain/chain_plan.hpp"
#include "operator/kinds/chain/chain_runs.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kube/store.hpp"

namespace n4b::chain {

/// Makes, writes and removes the objects that show the chains of storages. Thread-safe for different keys.
class ChainController {
public:
    struct Stores {
        const kube::Store<Chain>& chains;
        const kube::Store<storage::Storage>& storages;
        const ChainRuns& runs;
    };
    ChainController(const Stores& stores, const kinds::Environment& environment)
        : stores_(stores), environment_(environment) {}

    base::Result<jobs::Requeue> reconcile(const std::string& key, const std::stop_token& stop);

private:
    /// The storage of the chain that the object stands for; null: there is none.
    [[nodiscard]] std::shared_ptr<const storage::Storage> storage_of(const std::string& key, const Chain* known,
                                                                     const ToldByRuns& runs) const;
    base::Result<Chain> create(const std::string& name, const storage::Storage& storage, const ChainSpec& spec);
    base::Result<jobs::Requeue> write(const Chain& chain, const ChainDecision& decision);

    const Stores stores_;
    const kinds::Environment environment_;
};

}  // namespace n4b::chain
