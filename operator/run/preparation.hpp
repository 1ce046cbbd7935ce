#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/run/job_builder.hpp"
#include "operator/run/run_machine.hpp"

namespace n4b::run {

/// What a kind has prepared for an attempt that is due: its gates were looked at, and this is to be the Job.
struct Preparation {
    std::optional<Hindrance> hindrance{};  ///< A closed gate; what follows is then not looked at.
    std::vector<std::string> locks{};
    api::PodProfile profile{};  ///< Complete: nothing is merged into it any more.
    contract::RunSpec spec{};
    std::vector<Mount> mounts{};
    std::optional<RecoveryServer> server{};  ///< Works after the runner, in the same pod.
    std::map<std::string, std::string> labels{};
};

}  // namespace n4b::run
