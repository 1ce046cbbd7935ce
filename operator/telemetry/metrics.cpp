#include "operator/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <limits>

namespace n4b::telemetry {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kSeconds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};

prometheus::Labels labels_of(const RunLabels& run) {
    return {{"namespace", run.object_namespace}, {"source", run.source}, {"database", run.database}};
}

}  // namespace

struct Metrics::Impl {
    prometheus::Registry registry{};
    prometheus::Family<prometheus::Counter>& reconciles =
        BuildCounter().Name("neo4jbackup_reconcile_total").Help("Reconciles by result.").Register(registry);
    prometheus::Family<prometheus::Histogram>& seconds =
        BuildHistogram().Name("neo4jbackup_reconcile_time_seconds").Help("Time of a reconcile.").Register(registry);
    prometheus::Family<prometheus::Gauge>& depth =
        BuildGauge().Name("workqueue_depth").Help("Keys that wait for a worker.").Register(registry);
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
    prometheus::Family<prometheus::Counter>& unreadable =
        BuildCounter()
            .Name("neo4jbackup_unreadable_objects_total")
            .Help("Objects from the API server that could not be read.")
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

void Metrics::queue_depth(const std::string& controller, std::size_t depth) {
    impl_->depth.Add({{"name", controller}}).Set(static_cast<double>(depth));
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

void Metrics::unreadable_object(const std::string& kind) {
    impl_->unreadable.Add({{"kind", kind}}).Increment();
}

std::string Metrics::text() const {
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace n4b::telemetry
