#pragma once

#include "common/base/reason.hpp"

namespace n4b::storage {

/// What a look at a storage that failed says of it.
enum class Failed {
    kUnknown,   ///< Nothing: the runner did not come to ask it, or can't tell.
    kToAnswer,  ///< It did not answer, or something else did.
    kToTakeIt,  ///< It answered, and did not do what was asked.
};

Failed what_failed(base::Reason reason);

}  // namespace n4b::storage
