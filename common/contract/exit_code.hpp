#pragma once

#include "common/base/reason.hpp"

namespace n4b::contract {

/// The runner's exit codes, by what the caller should do (design: "Two programs and one contract").
enum class ExitCode : int {
    kDone = 0,
    kBadInput = 10,
    kRetry = 20,      ///< Worth another attempt.
    kPermanent = 30,  ///< Another attempt would end alike.
    kDamaged = 40,    ///< Stored data is damaged.
    kCancelled = 50,
};

/// The class of an outcome.
ExitCode exit_code_of(base::Reason reason);

}  // namespace n4b::contract
