#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/api/backup.hpp"

namespace n4b::plan {

/// A volume with certificates or keys, and where the runner finds it.
struct TlsVolume {
    std::string name{};
    std::string path{};
    std::string json{};  ///< As it stands in the pod's volumes.
};

/// The whole Secret of spec.source.tls at /tls/source, and each further trusted key as /tls/trust-N/ca.crt. Empty for
/// clear text. The kubelet mounts them; the operator reads none.
std::vector<TlsVolume> tls_volumes(const api::Backup& backup);

/// What the runner is told: paths, never secrets. Nothing for clear text.
std::optional<contract::TlsSpec> tls_spec(const api::Backup& backup);

}  // namespace n4b::plan
