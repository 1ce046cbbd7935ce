#pragma once

#include <string_view>

#include "common/base/reason.hpp"

namespace n4b::api {

/// What a user should do about an outcome; one sentence, empty where there is nothing to do. The other half of the
/// closed list in common/base/reason.hpp.
std::string_view advice(base::Reason reason);

}  // namespace n4b::api
