#pragma once

#include <optional>
#include <string>

#include "operator/api/workload.hpp"
#include "operator/kube/client.hpp"

namespace n4b::kinds {

/// A claim of a namespace as the API server has it now. Nothing: there is none.
base::Result<std::optional<api::Claim>> claim_of(kube::Client& client, const std::string& object_namespace,
                                                 const std::string& claim);

/// Whose pods have a claim mounted.
struct ClaimUse {
    std::string object_namespace{};
    std::string claim{};
    std::string but{};  ///< Uid of an object of ours whose pods don't count.
};
/// The name of a pod that has the claim mounted, or is about to: whoever made it, and whatever it does. Nothing: there
/// is none.
base::Result<std::optional<std::string>> user_of(kube::Client& client, const ClaimUse& use);

}  // namespace n4b::kinds
