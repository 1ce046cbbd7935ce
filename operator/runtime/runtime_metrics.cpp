#include "operator/runtime/runtime_metrics.hpp"

namespace n4b::runtime {

std::vector<telemetry::Collected> loop_metrics(const std::vector<const Controller*>& controllers) {
    telemetry::Collected depth{.name = "workqueue_depth", .help = "Keys that wait for a worker."};
    telemetry::Collected oldest{
        .name = "workqueue_longest_running_processor_seconds",
        .help = "How long the reconcile has been running that has been running longest; 0 while none runs."};
    for (const auto* controller : controllers) {
        const auto running = controller->oldest_running().value_or(std::chrono::steady_clock::duration::zero());
        depth.samples.push_back(
            {.labels = {{"name", controller->name()}}, .value = static_cast<double>(controller->waiting())});
        oldest.samples.push_back(
            {.labels = {{"name", controller->name()}}, .value = std::chrono::duration<double>(running).count()});
    }
    return {depth, oldest};
}

}  // namespace n4b::runtime
