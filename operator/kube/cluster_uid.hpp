#pragma once

#include <string>

#include "common/base/result.hpp"
#include "operator/kube/client.hpp"

namespace n4b::kube {

/// By what a cluster is known: the uid of its namespace kube-system, which is made with the cluster and goes with it.
/// Empty, with one warning in the log: we are not allowed to read it, or it is not there. Other errors as Client's.
/// Blocks.
base::Result<std::string> cluster_uid(Client& client);

}  // namespace n4b::kube
