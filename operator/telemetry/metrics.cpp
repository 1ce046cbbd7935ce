#include "operator/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <mutex>

namespace n4b::telemetry {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kSeconds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};

prometheus::Labels labels_of(const RunLabels& run) {
    return {{"namespace", run.object_namespace}, {"source", run.source}, {"database", run.database}};
}

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
    std::mutex mutex{};
    std::vector<Collector> collectors{};
    prometheus::Registry registry{};
    prometheus::Family<prometheus::Counter>& reconciles =
        BuildCounter().Name("neo4jbackup_reconcile_total").Help("Reconciles by result.").Register(registry);
    prometheus::Family<prometheus::Histogram>& seconds =
        BuildHistogram().Name("neo4jbackup_reconcile_time_seconds").Help("Time of a reconcile.").Register(registry);
    prometheus::Family<prometheus::Counter>& finished = BuildCounter()
                                                            .Name("neo4jbackup_backups_finished_total")
                                                            .Help("Backups that ended, by result and reason.")
                                                            .Register(registry);
    prometheus::Family<prometheus::Gauge>& running =
        BuildGauge().Name("neo4jbackup_backups_running").Help("Backups that hold a slot.").Register(registry);
    prometheus::Family<prometheus::Gauge>& recoverable =
        BuildGauge()
            .Name("neo4jbackup_last_recoverable_timestamp_seconds")
            .Help(
                "Commit time up to which the last succeeded backup restores, at most when it ended, by source and "
                "database.")
            .Register(registry);
    prometheus::Family<prometheus::Gauge>& expiry =
        BuildGauge()
            .Name("neo4jbackup_source_certificate_expiry_timestamp_seconds")
            .Help("When the certificates of the last copy expire, the runner's own (client) and the source's (server).")
            .Register(registry);
    prometheus::Family<prometheus::Gauge>& lag =
        BuildGauge()
            .Name("neo4jbackup_source_lag_transactions")
            .Help("Transactions that the last copy's source was behind the newest known member; NaN when unknown.")
            .Register(registry);
    prometheus::Family<prometheus::Gauge>& bytes =
        BuildGauge().Name("neo4jbackup_run_bytes").Help("Bytes that a run under way has received.").Register(registry);
    prometheus::Family<prometheus::Gauge>& files =
        BuildGauge().Name("neo4jbackup_run_files").Help("Files that a run under way has received.").Register(registry);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
    // Every label set that can be known starts at 0, so that rate() works from the first event on.
    for (const char* controller : {"Neo4jBackup", "Neo4jBackupStorage"}) {
        for (const char* result : {"success", "error"}) {
            impl_->reconciles.Add({{"controller", controller}, {"result", result}});
        }
    }
    impl_->finished.Add({{"result", "Succeeded"}, {"reason", "Completed"}});
    impl_->running.Add({});
}

Metrics::~Metrics() = default;

void Metrics::reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took) {
    impl_->reconciles.Add({{"controller", controller}, {"result", error ? "error" : "success"}}).Increment();
    impl_->seconds.Add({{"controller", controller}}, kSeconds).Observe(std::chrono::duration<double>(took).count());
}

void Metrics::backup_finished(bool succeeded, const std::string& reason) {
    impl_->finished.Add({{"result", succeeded ? "Succeeded" : "Failed"}, {"reason", reason}}).Increment();
}

void Metrics::runs_held(std::size_t count) {
    impl_->running.Add({}).Set(static_cast<double>(count));
}

void Metrics::recoverable_to(const std::string& object_namespace, const std::string& source,
                             const std::string& database, base::SystemTime time) {
    impl_->recoverable.Add({{"namespace", object_namespace}, {"source", source}, {"database", database}})
        .Set(std::chrono::duration<double>(time.time_since_epoch()).count());
}

void Metrics::certificate_expires(const std::string& object_namespace, const std::string& source,
                                  const std::string& whose, base::SystemTime time) {
    impl_->expiry.Add({{"namespace", object_namespace}, {"source", source}, {"certificate", whose}})
        .Set(std::chrono::duration<double>(time.time_since_epoch()).count());
}

void Metrics::source_lag(const RunLabels& run, std::optional<std::int64_t> transactions) {
    impl_->lag.Add(labels_of(run))
        .Set(transactions ? static_cast<double>(*transactions) : std::numeric_limits<double>::quiet_NaN());
}

void Metrics::run_progress(const RunLabels& run, std::int64_t bytes, std::int64_t files) {
    impl_->bytes.Add(labels_of(run)).Set(static_cast<double>(bytes));
    impl_->files.Add(labels_of(run)).Set(static_cast<double>(files));
}

void Metrics::run_ended(const RunLabels& run) {
    impl_->bytes.Remove(&impl_->bytes.Add(labels_of(run)));
    impl_->files.Remove(&impl_->files.Add(labels_of(run)));
}

void Metrics::add_collector(Collector collector) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->collectors.push_back(std::move(collector));
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
