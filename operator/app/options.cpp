#include "operator/app/options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "common/contract/run_spec.hpp"

namespace n4b::operator_app {
namespace {

base::Result<api::PodProfile> read_pod_defaults(const std::string& path) {
    std::ifstream file(path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (file.bad() || !file.is_open()) return base::fail(base::ErrorCode::kUnavailable, path + ": can't be read");
    auto profile = api::parse_pod_profile(text);
    if (!profile) return base::fail(profile.error().wrap(path));
    return profile;
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
    Options options;
    CLI::App app("Watches Neo4jBackup objects and runs them as Jobs.", "neo4j-backup-operator");
    app.set_version_flag("--version", N4B_VERSION);
    app.add_option("--runner-image", options.runner.image, "image of the runner")->required();
    app.add_option("--runner-image-pull-policy", options.runner.pull_policy, "pull policy of the runner's image")
        ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}))
        ->capture_default_str();
    app.add_option("--watch-namespaces", options.namespaces, "namespaces to serve, separated by commas (default: all)")
        ->delimiter(',');
    app.add_option("--cluster-id", options.runner.cluster,
                   "by what this cluster is known in storages that several share (default: the uid of kube-system)")
        ->check(CLI::Validator(
            [](const std::string& id) { return contract::is_uid(id) ? "" : "expected 1 to 64 of [0-9a-z-]"; }, "ID"));
    app.add_option("--max-concurrent-runs", options.max_concurrent_runs, "how many runs may have a pod at once")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--http-port", options.http_port, "port of /healthz, /readyz and /metrics")->capture_default_str();
    app.add_option("--workers", options.workers, "objects of a kind looked at side by side")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    app.add_option("--log-level", options.log_level, "debug, info, warn or error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str();
    app.add_option("--kubeconfig", options.kubeconfig, "kubeconfig (default: the pod's service account)")
        ->check(CLI::ExistingFile);
    std::string pod_defaults;
    app.add_option("--pod-defaults", pod_defaults, "JSON file with the defaults of runner pods")
        ->check(CLI::ExistingFile);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    if (!pod_defaults.empty()) {
        auto profile = read_pod_defaults(pod_defaults);
        if (!profile) {
            std::cerr << "neo4j-backup-operator: --pod-defaults " << profile.error().message << "\n";
            return static_cast<int>(CLI::ExitCodes::ValidationError);
        }
        options.runner.defaults = std::move(*profile);
    }
    if (const char* name = std::getenv("POD_NAME"); name != nullptr && *name != '\0') options.instance = name;
    return options;
}

}  // namespace n4b::operator_app
