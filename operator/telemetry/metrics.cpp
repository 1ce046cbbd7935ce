#include "operator/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <utility>

namespace n4b::telemetry {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kSeconds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};
constexpr const char* kKinds[] = {"Neo4jBackup",       "Neo4jRestore",       "Neo4jBackupSchedule",
                                  "Neo4jBackupSource", "Neo4jBackupStorage", "Neo4jBackupChain"};

prometheus::MetricFamily family_of(const Collected& collected) {
    const bool counter = collected.kind == Collected::Kind::kCounter;
    prometheus::MetricFamily family;
    family.name = collected.name;
    family.help = collected.help;
    family.type = counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    for (const auto& sample : collected.samples) {
        prometheus::ClientMetric metric;
        for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
        metric.counter.value = metric.gauge.value = sample.value;
        family.metric.push_back(std::move(metric));
    }
    return family;
}

}  // namespace

struct Metrics::Impl {
    std::mutex mutex{};  ///< Guards collectors.
    std::vector<Collector> collectors{};
    prometheus::Registry registry{};
    prometheus::Family<prometheus::Counter>& reconciles =
        BuildCounter().Name("neo4jbackup_reconcile_total").Help("Reconciles by result.").Register(registry);
    prometheus::Family<prometheus::Histogram>& seconds =
        BuildHistogram().Name("neo4jbackup_reconcile_time_seconds").Help("Time of a reconcile.").Register(registry);
    prometheus::Family<prometheus::Counter>& finished = BuildCounter()
                                                            .Name("neo4jbackup_runs_finished_total")
                                                            .Help("Runs that ended, by kind, result and reason.")
                                                            .Register(registry);
    prometheus::Family<prometheus::Counter>& refused = BuildCounter()
                                                           .Name("neo4jbackup_status_refused_total")
                                                           .Help("Statuses that the API server refused for good.")
                                                           .Register(registry);
};

std::vector<Collected> grouped(std::vector<GaugeSample> samples) {
    std::map<std::string, Collected> by_name;
    for (auto& sample : samples) {
        auto& metric = by_name[sample.name];
        metric.name = sample.name;
        metric.help = sample.help;
        metric.samples.push_back({.labels = {sample.labels.begin(), sample.labels.end()}, .value = sample.value});
    }
    std::vector<Collected> metrics;
    for (auto& [name, metric] : by_name) metrics.push_back(std::move(metric));
    return metrics;
}

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
    for (const char* kind : kKinds) {
        for (const char* result : {"success", "error"}) {
            impl_->reconciles.Add({{"controller", kind}, {"result", result}});
        }
        impl_->refused.Add({{"kind", kind}});
    }
    impl_->finished.Add({{"kind", "Neo4jBackup"}, {"result", "Succeeded"}, {"reason", "Completed"}});
    impl_->finished.Add({{"kind", "Neo4jBackup"}, {"result", "Skipped"}, {"reason", "Skipped"}});
    for (const auto reason : base::all_reasons()) {
        impl_->finished.Add(
            {{"kind", "Neo4jBackup"}, {"result", "Failed"}, {"reason", std::string(to_string(reason))}});
    }
}

Metrics::~Metrics() = default;

void Metrics::add_collector(Collector collector) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->collectors.push_back(std::move(collector));
}

void Metrics::reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took) {
    impl_->reconciles.Add({{"controller", controller}, {"result", error ? "error" : "success"}}).Increment();
    impl_->seconds.Add({{"controller", controller}}, kSeconds).Observe(std::chrono::duration<double>(took).count());
}

void Metrics::run_finished(const std::string& kind, const std::string& result, base::Reason reason) {
    impl_->finished.Add({{"kind", kind}, {"result", result}, {"reason", std::string(to_string(reason))}}).Increment();
}

void Metrics::status_refused(const std::string& kind) {
    impl_->refused.Add({{"kind", kind}}).Increment();
}

std::string Metrics::text() const {
    std::vector<Collector> collectors;
    {
        const std::scoped_lock lock(impl_->mutex);
        collectors = impl_->collectors;
    }
    auto families = impl_->registry.Collect();
    for (const auto& collector : collectors) {
        for (const auto& collected : collector()) families.push_back(family_of(collected));
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace n4b::telemetry
