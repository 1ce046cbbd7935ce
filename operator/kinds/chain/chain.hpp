#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/contract/catalogue.hpp"
#include "operator/api/meta.hpp"

namespace n4b::chain {

/// Which chain of which storage an object stands for.
struct ChainSpec {
    std::string storage{};  ///< Of spec.storageRef.
    std::string source{};
    std::string database{};
    std::string chain{};
    bool operator==(const ChainSpec&) const = default;
};

/// What is known of the chain.
struct ChainStatus {
    std::int64_t observed_generation = -1;
    contract::ChainRecord record{};  ///< Its source, database and chain are the spec's; the reason is in the condition.
    std::optional<base::SystemTime> observed{};  ///< When a look or a run found that.
    std::vector<api::Condition> conditions{};
    bool operator==(const ChainStatus&) const = default;
};

/// A record of what a storage holds. The operator alone writes it, and it can be made again from the storage.
struct Chain {
    api::Meta meta{};
    ChainSpec spec{};
    ChainStatus status{};
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Chain> parse_chain(const nlohmann::json& json);

/// The status as JSON; members that are not set are null, which removes them in a merge patch.
std::string status_json(const ChainStatus& status);
/// A status with nothing but its conditions.
std::string conditions_json(const ChainStatus& status);

/// Whose object a chain's is: it goes with its storage.
struct ChainOwner {
    std::string object_namespace{};
    std::string storage{};
    std::string storage_uid{};
};
/// A new object without its status.
std::string object_json(const std::string& name, const ChainOwner& owner, const ChainSpec& spec);

}  // namespace n4b::chain
