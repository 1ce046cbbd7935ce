#include "operator/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace n4b::telemetry {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kSeconds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};
constexpr const char* kKinds[] = {"Neo4jBackup", "Neo4jBackupSource", "Neo4jBackupStorage"};

std::vector<prometheus::MetricFamily> families_of(const std::vector<GaugeSample>& samples) {
    std::map<std::string, prometheus::MetricFamily> families;
    for (const auto& sample : samples) {
        auto& family = families[sample.name];
        family.name = sample.name;
        family.help = sample.help;
        family.type = prometheus::MetricType::Gauge;
        prometheus::ClientMetric metric;
        for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
        metric.gauge.value = sample.value;
        family.metric.push_back(std::move(metric));
    }
    std::vector<prometheus::MetricFamily> list;
    for (auto& [name, family] : families) list.push_back(std::move(family));
    return list;
}

}  // namespace

struct Metrics::Impl {
    std::vector<Collector> collectors{};
    prometheus::Registry registry{};
    prometheus::Family<prometheus::Counter>& reconciles =
        BuildCounter().Name("neo4jbackup_reconcile_total").Help("Reconciles by result.").Register(registry);
    prometheus::Family<prometheus::Histogram>& seconds =
        BuildHistogram().Name("neo4jbackup_reconcile_time_seconds").Help("Time of a reconcile.").Register(registry);
    prometheus::Family<prometheus::Gauge>& depth =
        BuildGauge().Name("workqueue_depth").Help("Keys that wait for a worker.").Register(registry);
    prometheus::Family<prometheus::Counter>& finished = BuildCounter()
                                                            .Name("neo4jbackup_runs_finished_total")
                                                            .Help("Runs that ended, by kind, result and reason.")
                                                            .Register(registry);
    prometheus::Family<prometheus::Counter>& unreadable =
        BuildCounter()
            .Name("neo4jbackup_unreadable_objects_total")
            .Help("Objects from the API server that could not be read.")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& refused = BuildCounter()
                                                           .Name("neo4jbackup_status_refused_total")
                                                           .Help("Statuses that the API server refused for good.")
                                                           .Register(registry);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
    for (const char* kind : kKinds) {
        for (const char* result : {"success", "error"}) {
            impl_->reconciles.Add({{"controller", kind}, {"result", result}});
        }
        impl_->unreadable.Add({{"kind", kind}});
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

void Metrics::collect(Collector collector) {
    impl_->collectors.push_back(std::move(collector));
}

void Metrics::reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took) {
    impl_->reconciles.Add({{"controller", controller}, {"result", error ? "error" : "success"}}).Increment();
    impl_->seconds.Add({{"controller", controller}}, kSeconds).Observe(std::chrono::duration<double>(took).count());
}

void Metrics::queue_depth(const std::string& controller, std::size_t depth) {
    impl_->depth.Add({{"name", controller}}).Set(static_cast<double>(depth));
}

void Metrics::run_finished(const std::string& kind, const std::string& result, base::Reason reason) {
    impl_->finished.Add({{"kind", kind}, {"result", result}, {"reason", std::string(to_string(reason))}}).Increment();
}

void Metrics::unreadable_object(const std::string& kind) {
    impl_->unreadable.Add({{"kind", kind}}).Increment();
}

void Metrics::status_refused(const std::string& kind) {
    impl_->refused.Add({{"kind", kind}}).Increment();
}

std::string Metrics::text() const {
    auto families = impl_->registry.Collect();
    std::vector<GaugeSample> samples;
    for (const auto& collector : impl_->collectors) {
        for (auto& sample : collector()) samples.push_back(std::move(sample));
    }
    for (auto& family : families_of(samples)) families.push_back(std::move(family));
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace n4b::telemetry
