#pragma once

#include <string>
#include <utility>

#include "common/base/result.hpp"

namespace n4b::format {

/// What contradicts itself, its name, or what a head promises: DataLoss (ArtifactDamaged).
inline tl::unexpected<base::Error> damaged(std::string what) {
    return base::fail(base::ErrorCode::kDataLoss, base::Reason::kArtifactDamaged, std::move(what));
}

}  // namespace n4b::format
