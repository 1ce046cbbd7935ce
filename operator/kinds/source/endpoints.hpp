#pragma once

#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kube/client.hpp"

namespace n4b::source {

/// The members of a source as they can be dialled now: its endpoints, or the ready addresses of its Service, at most
/// 32. Empty: the Service has none. Errors: as the API server's.
base::Result<std::vector<contract::Endpoint>> endpoints_of(kube::Client& client, const Source& source);

}  // namespace n4b::source
