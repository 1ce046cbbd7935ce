#pragma once

#include <optional>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::storage {

/// What is known about a storage's claim.
struct ClaimInputs {
    std::optional<api::Claim> claim{};  ///< Nothing: there is no such claim.
    std::vector<api::EventRecord> events{};
};

/// The conditions of a storage: Ready, and what kstatus reads. Pure.
std::vector<api::Condition> storage_conditions(const Storage& storage, const ClaimInputs& inputs, base::SystemTime now);

}  // namespace n4b::storage
