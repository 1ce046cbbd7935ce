#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "operator/run/job_builder.hpp"

namespace n4b::operator_app {

/// The operator's configuration, from its command line and the environment variables POD_NAME.
struct Options {
    run::RunnerConfig runner{};
    std::vector<std::string> namespaces{};  ///< Empty: all.
    std::size_t max_concurrent_runs = 10;
    std::uint16_t http_port = 8080;
    int workers = 8;  ///< They mostly wait for the API server, and one that hangs must not hold up the others.
    std::string log_level = "info";
    std::string kubeconfig{};  ///< Empty: the pod's service account.
    std::string instance = "neo4j-backup-operator";
};

/// The options, or the exit code when the command line is wrong or asked only for help.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace n4b::operator_app
