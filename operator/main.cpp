#include <exception>
#include <string_view>
#include <variant>

#include "common/process/signal_watch.hpp"
#include "operator/app/explain.hpp"
#include "operator/app/manager.hpp"
#include "operator/app/options.hpp"
#include "operator/telemetry/log.hpp"

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::string_view(argv[1]) == "explain")
            return n4b::operator_app::run_explain(argc - 1, argv + 1);
        const auto parsed = n4b::operator_app::parse_options(argc, argv);
        if (const int* code = std::get_if<int>(&parsed)) return *code;
        const auto& options = std::get<n4b::operator_app::Options>(parsed);
        n4b::telemetry::set_log_level(options.log_level);
        const n4b::process::SignalWatch signals;
        const auto done = n4b::operator_app::run(options, signals.token());
        if (done) return 0;
        n4b::telemetry::error("the operator can't run", {{"error", done.error().message}});
    } catch (const std::exception& error) {
        n4b::telemetry::error("the operator can't run", {{"error", error.what()}});
    }
    return 1;
}
