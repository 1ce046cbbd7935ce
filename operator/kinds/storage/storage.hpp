#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "operator/api/meta.hpp"
#include "operator/api/pod_profile.hpp"

namespace n4b::storage {

/// Where backups go.
struct Storage {
    api::Meta meta{};
    std::string claim{};
    std::string path{};        ///< Below the volume's root; empty: the root.
    api::PodProfile runner{};  ///< Of every run on this storage.
    std::int64_t observed_generation = -1;
    std::vector<api::Condition> conditions{};
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Storage> parse_storage(const nlohmann::json& json);

/// Its status as JSON.
std::string status_json(std::int64_t observed_generation, const std::vector<api::Condition>& conditions);

}  // namespace n4b::storage
