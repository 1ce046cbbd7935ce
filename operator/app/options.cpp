#include "operator/app/options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace n4b::operator_app {

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
    app.add_option("--max-concurrent-runs", options.max_concurrent_runs, "how many backups may run at once")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--http-port", options.http_port, "port of /healthz, /readyz and /metrics")->capture_default_str();
    app.add_option("--workers", options.workers, "backups looked at side by side")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    app.add_option("--log-level", options.log_level, "debug, info, warn or error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str();
    app.add_option("--kubeconfig", options.kubeconfig, "kubeconfig (default: the pod's service account)")
        ->check(CLI::ExistingFile);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    if (const char* name = std::getenv("POD_NAME"); name != nullptr && *name != '\0') options.instance = name;
    return options;
}

}  // namespace n4b::operator_app
