#pragma once

#include <string>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::operator_app {

struct ExplainRequest {
    std::string line;       ///< of cron
    std::string time_zone;  ///< empty: UTC
    base::SystemTime from;
    int count = 1;
};

/// When a line is due next after `from`: a time in RFC 3339 with the zone's offset and a line feed for each. Fewer than
/// `count` where the rest is more than 41 years away. Invalid: the line or the zone.
base::Result<std::string> explain(const ExplainRequest& request);

/// The subcommand: reads the arguments after "explain", and prints. Returns the exit code.
int run_explain(int argc, char** argv);

}  // namespace n4b::operator_app
