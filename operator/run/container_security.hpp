#pragma once

#include <nlohmann/json_fwd.hpp>

namespace n4b::run {

/// The securityContext of every container that we make: with it and that of the pod, the "restricted" pod security
/// standard holds, and the container writes nowhere but into its volumes.
nlohmann::json container_security();

}  // namespace n4b::run
