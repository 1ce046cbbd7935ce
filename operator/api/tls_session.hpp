#pragma once

// Heavy: codec sources only.
#include "common/base/json_object.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::api {

/// A TLS session as statuses show it. What is not known is null, which removes it in a merge patch.
base::Json tls_json(const contract::TlsReport& tls);
contract::TlsReport read_tls_report(base::JsonObject& tls);

/// A member's lag: a text, since "Unknown" must be told from 0.
std::string lag_text(const std::optional<std::int64_t>& lag);
std::optional<std::int64_t> read_lag(base::JsonObject& object);

}  // namespace n4b::api
