#pragma once

#include <optional>
#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/run/job_builder.hpp"

namespace n4b::source {

/// The whole Secret of spec.connection.tls at /tls/source, and each further trusted key as /tls/trust-N/ca.crt. Empty
/// for clear text. The kubelet mounts them; the operator reads none.
std::vector<run::Mount> tls_mounts(const Source& source);

/// What the runner is told: paths, never secrets. Nothing for clear text.
std::optional<contract::TlsSpec> tls_spec(const Source& source);

}  // namespace n4b::source
