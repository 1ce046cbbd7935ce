#pragma once

#include <string>
#include <string_view>

#include "common/base/reason.hpp"

namespace n4b::api {

/// What a user should do about an outcome; one sentence, empty where there is nothing to do. The other half of the
/// closed list in common/base/reason.hpp.
std::string_view advice(base::Reason reason);

/// The message, followed by that advice.
std::string with_advice(base::Reason reason, const std::string& message);

}  // namespace n4b::api
