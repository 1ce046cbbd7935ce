#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/result.hpp"
#include "operator/kube/seen_object.hpp"

namespace n4b::kube {

/// A kind of the Kubernetes API, and how its objects are read into T. Constant once made.
template <typename T>
struct Kind {
    std::string name{};     ///< "Neo4jBackup"
    std::string api{};      ///< "/apis/neo4jbackup.dev/v1alpha1"
    std::string plural{};   ///< "neo4jbackups"
    std::string query{};    ///< Narrows what is watched, e.g. a label selector; empty: all.
    ObjectLimits limits{};  ///< Of each object; a larger one counts as there, but is not read.
    base::Result<T> (*parse)(const nlohmann::json&) = nullptr;
};

}  // namespace n4b::kube
