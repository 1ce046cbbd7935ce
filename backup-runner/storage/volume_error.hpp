#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::storage {

/// What errno means of a call on a volume, with the reason a user is shown. `what`: the verb that begins the message.
tl::unexpected<base::Error> volume_failure(int error, std::string_view what, const std::string& path);

}  // namespace n4b::storage
