#pragma once

#include <cstdint>
#include <string_view>

#include "backup-runner/catchup/session.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// What an answer to a pull after transaction `last` means. Unavailable: SourceBehind (the source has less than `last`,
/// which `described` tells in words), SourceRefused, SourceLogPruned.
base::Result<void> check_pull(const catchup::PullFinished& finished, std::int64_t last, std::string_view described);

}  // namespace n4b::engine
