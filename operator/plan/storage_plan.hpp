#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/api/backup.hpp"
#include "operator/api/workload.hpp"

namespace n4b::plan {

/// What is known about a storage's claim.
struct ClaimInputs {
    std::optional<std::string> phase{};  ///< Nothing: there is no such claim.
    std::vector<api::EventRecord> events{};
};

/// The condition Ready of a storage. Pure.
api::Condition storage_ready(const api::Storage& storage, const ClaimInputs& claim, base::SystemTime now);

}  // namespace n4b::plan
